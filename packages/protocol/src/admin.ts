/** Everything of the admin API is under this; on the internal listener only. */
export const ADMIN_PATH = "/api/admin/v1";

/**
 * By this header the console's page says whose it is: the operator's id, in decimal digits. Where the session's cookie is another
 * operator's meanwhile, the admin API answers `sign_in_required`. Programs leave it out. In lower case, as Node has names.
 */
export const OPERATOR_HEADER = "countersign-operator";

/**
 * What an operator or an admin token may do. `viewer` reads; `admin` also changes accounts, API users, keys and resource
 * servers; `owner` also operators, admin tokens, signing keys and settings. Each may be limited to one account.
 */
export const ROLES = ["viewer", "admin", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** Shortest password, in characters (NIST SP 800-63B-4 §3.1.1.2: 15 where it is the only factor). */
export const PASSWORD_CHARACTERS_MIN = 15;

/** Longest password, in characters. */
export const PASSWORD_CHARACTERS_MAX = 256;

/** How many recovery codes an operator gets at once. */
export const RECOVERY_CODES = 10;

/** Longest text of a public key that is accepted, in characters. */
export const KEY_TEXT_CHARACTERS_MAX = 65_536;

/** How many items a list gives at once unless asked otherwise, and at most. */
export const PAGE_ITEMS_DEFAULT = 50;
export const PAGE_ITEMS_MAX = 500;

/** A list counts its items up to this; where there are more, `meta.count` is this and `meta.count_is_minimum` is true. */
export const COUNT_MAX = 10_000;

/** How long an admin token is good unless its maker says otherwise, and at most unless an operator says `never`, in days. */
export const ADMIN_TOKEN_DAYS_DEFAULT = 90;
export const ADMIN_TOKEN_DAYS_MAX = 365;

/** How long a command line stays signed in unless the operator who approves it says otherwise, and at most, in hours. */
export const COMMAND_LINE_HOURS_DEFAULT = 12;
export const COMMAND_LINE_HOURS_MAX = 720;

/** The most for operators of an identity provider, who may have been removed there meanwhile: as long as a session. */
export const COMMAND_LINE_HOURS_FEDERATED_MAX = 12;

/** How long an `Idempotency-Key` is remembered, in seconds. */
export const IDEMPOTENCY_SECONDS = 86_400;
