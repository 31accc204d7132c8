/**
 * The schemas of the admin API: they validate what comes in, describe what goes out, make the OpenAPI document, and are the
 * types of both. Plain JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it). Times are RFC 3339 in UTC.
 */
import {
  ADMIN_TOKEN_DAYS_DEFAULT,
  ADMIN_TOKEN_DAYS_MAX,
  KEY_TEXT_CHARACTERS_MAX,
  PAGE_ITEMS_DEFAULT,
  PAGE_ITEMS_MAX,
  PASSWORD_CHARACTERS_MAX,
  ROLES,
} from "@countersign/protocol";

const text = { type: "string" } as const;
const textOrNull = { type: ["string", "null"] } as const;
const count = { type: "integer", minimum: 0 } as const;
const flag = { type: "boolean" } as const;
const time = { type: "string", format: "date-time" } as const;
const timeOrNull = { type: ["string", "null"], format: "date-time" } as const;
const standing = { enum: ["active", "deactivated"] } as const;
const access = { enum: ["full", "read_only"] } as const;
const role = { enum: ROLES } as const;
/** Names are checked by the registry, which says what is wrong; this keeps out what is absurd. */
const name = { type: "string", maxLength: 1000 } as const;
const secret = { type: "string", minLength: 1, maxLength: 500 } as const;
const email = { type: "string", maxLength: 320 } as const;
/** WebAuthn's own JSON (RegistrationResponseJSON and its like), which its library checks. */
const webauthn = { type: "object", additionalProperties: true } as const;

type Properties = Readonly<Record<string, unknown>>;

/** An object all of whose members are there. */
function object<const P extends Properties>(properties: P) {
  return {
    type: "object",
    properties,
    required: Object.keys(properties) as (keyof P & string)[],
    additionalProperties: false,
  } as const;
}

/** An object with members that may be left out. */
function objectWith<const P extends Properties, const R extends keyof P & string>(
  required: readonly R[],
  properties: P,
) {
  return { type: "object", properties, required, additionalProperties: false } as const;
}

/**
 * A change of something that can be read: its members that can be changed, and the others, which a client may send back as it read
 * them.
 */
function patchOf<const Whole extends Properties, const P extends Properties, const R extends keyof P & string = never>(
  whole: { readonly properties: Whole },
  changeable: P,
  required: readonly R[] = [],
) {
  const unchanged = Object.fromEntries(
    Object.entries(whole.properties)
      .filter(([member]) => !(member in changeable))
      .map(([member, shown]) => [member, { ...(shown as object), ...READ_ONLY }]),
  ) as { readonly [Member in Exclude<keyof Whole, keyof P>]: Whole[Member] };
  return objectWith<typeof unchanged & P, R>(required, { ...unchanged, ...changeable });
}
const READ_ONLY = { description: "Can't be changed; may be left out, or sent back as it was read" } as const;

// What comes out.

export const Account = object({
  id: count,
  shortname: text,
  name: text,
  status: standing,
  users: { ...count, description: "How many API users it has" },
  created_at: time,
});

export const ApiUser = object({
  id: count,
  username: { ...text, description: "api-<account id>-<name>: what an assertion's username says" },
  name: text,
  account: { ...text, description: "The account's shortname" },
  access,
  status: standing,
  active_keys: { ...count, description: "Public keys that are active, expired ones among them" },
  keys: { ...count, description: "Public keys in all" },
  last_used_at: { ...timeOrNull, description: "Of all its keys, the latest; written every few seconds" },
  tokens_today: { ...count, description: "Tokens issued since midnight UTC" },
  created_at: time,
});

export const PublicKey = object({
  id: count,
  username: text,
  fingerprint: { ...text, description: "SHA256:…, as ssh-keygen -l prints it" },
  thumbprint: { ...text, description: "RFC 7638, base64url" },
  bits: count,
  label: textOrNull,
  status: { enum: ["active", "deactivated", "revoked", "expired"] },
  created_at: time,
  expires_at: timeOrNull,
  last_used_at: { ...timeOrNull, description: "Written every few seconds" },
});

export const InspectedKey = object({
  fingerprint: text,
  thumbprint: text,
  bits: count,
});

export const Impact = object({
  live_tokens: {
    ...count,
    description: "Tokens that would be dead: issued and not expired; may be a few too many, and lags a few seconds",
  },
  clients: {
    type: "array",
    description: "The API users whose tokens those are, most tokens first; at most 20",
    items: object({ username: text, live_tokens: count, last_used_at: timeOrNull }),
  },
  client_count: count,
} as const);

export const UsageHours = object({
  from: time,
  until: time,
  hours: {
    type: "array",
    description: "Hours in which tokens were issued; the others are left out",
    items: object({ hour: { ...time, description: "When it began" }, tokens: count }),
  },
} as const);

const resourceServer = {
  client_id: text,
  name: text,
  status: standing,
  created_at: time,
  previous_secret_ends_at: timeOrNull,
} as const;
export const ResourceServer = object(resourceServer);
export const ResourceServerWithSecret = object({
  ...resourceServer,
  client_secret: { ...textOrNull, description: "Shown this once; null where a creation is repeated" },
});

export const SigningKey = object({
  number: count,
  status: { enum: ["active", "waiting", "retired"] },
  signs: { ...flag, description: "New tokens are signed with it" },
  master_fingerprint: { ...text, description: "Names the master secret from which it derives" },
  created_at: time,
  activated_at: timeOrNull,
  retired_at: timeOrNull,
});

export const Node = object({
  id: text,
  version: text,
  started_at: time,
  seen_at: time,
  signing_keys: { type: "array", items: count },
} as const);

export const Operator = object({
  id: count,
  email: text,
  role,
  account: { ...textOrNull, description: "The one account that it is limited to" },
  status: standing,
  single_sign_on: flag,
  created_at: time,
  last_signed_in_at: timeOrNull,
});

export const Session = object({
  id: count,
  current: { ...flag, description: "It is this request's own" },
  method: { enum: ["passkey", "password", "recovery_code", "single_sign_on", "link"] },
  user_agent: text,
  address: text,
  created_at: time,
  authenticated_at: {
    ...timeOrNull,
    description: "When its holder last proved themselves; null where that isn't known",
  },
  last_seen_at: time,
  idle_ends_at: { ...time, description: "When it ends unless something is asked before" },
  ends_at: time,
});

export const Passkey = object({ id: count, label: text, created_at: time, last_used_at: timeOrNull });

/** Who asks. */
export const Me = object({
  kind: { enum: ["operator", "admin_token"] },
  actor: { ...text, description: "As the audit log has it" },
  role,
  account: textOrNull,
  operator: {
    anyOf: [
      object({
        id: count,
        email: text,
        has_password: flag,
        passkeys: count,
        recovery_codes: { ...count, description: "How many are left" },
        single_sign_on: flag,
      }),
      { type: "null" },
    ],
  },
  session: { anyOf: [Session, { type: "null" }] },
  service: object({
    public_url: { ...text, description: "Where clients reach the service" },
    version: text,
    store: { enum: ["sqlite", "postgresql"] },
  }),
} as const);

export const SignInOptions = object({
  setup_needed: { ...flag, description: "There is no operator yet; the server printed a link" },
  passkeys: { ...flag, description: "Passkeys work at this address; not at an IP address" },
  single_sign_on: {
    anyOf: [object({ issuer: text, name: text }), { type: "null" }],
  },
} as const);

export const WebauthnOptions = object({ options: webauthn });

export const RecoveryCodes = object({
  recovery_codes: { type: "array", items: text, description: "Each good for one sign-in; shown this once" },
} as const);

export const InvitationLook = object({
  kind: { enum: ["setup", "invitation", "reset"] },
  email: textOrNull,
  role,
  account: textOrNull,
  expires_at: time,
});

const invitation = {
  id: count,
  kind: { enum: ["setup", "invitation", "reset"] },
  email: textOrNull,
  role,
  account: textOrNull,
  created_by: text,
  created_at: time,
  expires_at: time,
} as const;
export const Invitation = object(invitation);
export const InvitationWithLink = object({
  ...invitation,
  link: { ...textOrNull, description: "Good once; shown this once; null where a creation is repeated" },
});

const adminToken = {
  id: count,
  name: text,
  role,
  account: textOrNull,
  status: { enum: ["active", "expired", "revoked"] },
  created_by: text,
  created_at: time,
  expires_at: timeOrNull,
  last_used_at: timeOrNull,
} as const;
export const AdminToken = object(adminToken);
export const AdminTokenWithSecret = object({
  ...adminToken,
  token: { ...textOrNull, description: "csat_…; shown this once; null where a creation is repeated" },
});

export const AuditEvent = object({
  seq: count,
  at: time,
  actor: text,
  action: text,
  subject: text,
  details: { type: "object", additionalProperties: true },
  previous_hash: { ...textOrNull, description: "null where the caller is limited to an account" },
  hash: { ...textOrNull, description: "null where the caller is limited to an account" },
});

export const ChainReport = objectWith(["ok", "events"], {
  ok: flag,
  events: { ...count, description: "How many were read" },
  last_hash: text,
  seq: { ...count, description: "Where it breaks" },
  problem: text,
});

export const Explanation = object({
  accepted: flag,
  code: { ...textOrNull, description: "The refusal that the exchange would answer with" },
  steps: {
    type: "array",
    items: objectWith(["check", "outcome", "detail"], {
      check: text,
      outcome: { enum: ["passed", "refused", "note"] },
      detail: text,
      hint: text,
    }),
  },
} as const);

export const TokenReport = objectWith(["active"], {
  active: flag,
  reason: { ...text, description: "Why it isn't good" },
  username: text,
  user_id: count,
  account: text,
  access,
  key_id: count,
  expires_at: time,
});

export const Setting = object({
  name: text,
  variable: text,
  value: { ...textOrNull, description: "null where it isn't set; a secret is masked" },
  default: text,
  meaning: text,
  secret: flag,
});

// What comes in.

export const page = {
  limit: { type: "integer", minimum: 1, maximum: PAGE_ITEMS_MAX, default: PAGE_ITEMS_DEFAULT },
  cursor: { type: "string", maxLength: 500, description: "As meta.next or meta.previous has it" },
} as const;
const q = { type: "string", maxLength: 200 } as const;
const shortname = { type: "string", maxLength: 100 } as const;

export const AccountsQuery = objectWith([], { q, status: standing, ...page });
export const UsersQuery = objectWith([], {
  q: {
    ...q,
    description: "Begins a username or the name in it, or is a key's fingerprint or thumbprint",
  },
  account: shortname,
  status: standing,
  access,
  order: { enum: ["newest", "name"], description: "The newest first, unless given; by name where q is" },
  ...page,
});
export const ResourceServersQuery = objectWith([], { q, status: standing, ...page });
export const OperatorsQuery = objectWith([], { q, role, status: standing, ...page });
export const PageQuery = objectWith([], page);
const eventFilter = {
  actor: { type: "string", maxLength: 400 },
  subject: { type: "string", maxLength: 200, description: "Such as key:3" },
  action: { type: "string", maxLength: 100, description: "Such as key.deactivated, or its beginning: key" },
  from: { ...time, description: "Inclusive" },
  until: { ...time, description: "Exclusive" },
} as const;
export const EventsQuery = objectWith([], { ...eventFilter, ...page });
export const EventsExportQuery = objectWith(["format"], { ...eventFilter, format: { enum: ["csv", "jsonl"] } });
export const UsageQuery = objectWith([], {
  account: shortname,
  username: { type: "string", maxLength: 200 },
  key_id: { type: "integer", minimum: 1 },
  from: { ...time, description: "Rounded down to the hour; 24 hours ago unless given" },
  until: { ...time, description: "Exclusive; now unless given. At most 92 days after from" },
});
export const ImpactQuery = objectWith([], {
  account: shortname,
  username: { type: "string", maxLength: 200 },
  key_id: { type: "integer", minimum: 1 },
});

export const NewAccount = objectWith(["shortname"], { shortname: name, name });
export const AccountPatch = patchOf(Account, { status: standing });
export const NewUser = object({ account: name, name, access });
export const UserPatch = patchOf(ApiUser, { status: standing });
export const NewKey = objectWith(["public_key"], {
  public_key: {
    type: "string",
    maxLength: KEY_TEXT_CHARACTERS_MAX,
    description: "PEM, certificate, JWK or OpenSSH line. Never a private key",
  },
  label: name,
  expires_at: { ...timeOrNull, description: "Never, unless given" },
});
export const KeyText = object({ public_key: { type: "string", maxLength: KEY_TEXT_CHARACTERS_MAX } });
export const KeyPatch = patchOf(PublicKey, {
  status: {
    enum: ["active", "deactivated", "revoked", "expired"],
    description: "revoked is for good; expired, as an active key is shown past its expiry, changes nothing",
  },
  label: { type: ["string", "null"], maxLength: 1000 },
  expires_at: timeOrNull,
});
export const NewResourceServer = object({ name });
export const ResourceServerPatch = patchOf(ResourceServer, { status: standing });
export const SecretRotation = objectWith([], {
  grace_seconds: {
    type: "integer",
    minimum: 0,
    maximum: 30 * 86_400,
    default: 0,
    description: "How long the secret before it goes on working",
  },
});
export const SigningKeyPatch = patchOf(SigningKey, { status: { enum: ["retired"] } }, ["status"]);
export const OperatorPatch = patchOf(Operator, {
  role,
  account: { type: ["string", "null"], maxLength: 1000 },
  status: standing,
});
export const NewInvitation = objectWith(["email", "role"], {
  email,
  role,
  account: { type: ["string", "null"], maxLength: 1000, description: "Limits it to one account" },
});
export const NewAdminToken = objectWith(["name", "role"], {
  name,
  role,
  account: { type: ["string", "null"], maxLength: 1000, description: "Limits it to one account" },
  expires_at: {
    anyOf: [timeOrNull, { enum: ["never"] }],
    description: `A time at most ${ADMIN_TOKEN_DAYS_MAX} days ahead, or never; in ${ADMIN_TOKEN_DAYS_DEFAULT} days, unless given. Of a token that a token makes: no later than its own, and never is refused`,
  },
});
export const AssertionText = object({
  assertion: { type: "string", maxLength: 65_536, description: "Or the whole Authorization header" },
});
export const TokenText = object({ token: { type: "string", maxLength: 65_536 } });

const password = { type: "string", maxLength: PASSWORD_CHARACTERS_MAX * 4 } as const;
export const PasswordSignIn = object({ email, password });
export const PasskeyAnswer = object({ response: webauthn });
export const RecoverySignIn = object({ email, code: secret });
export const LinkText = object({ token: secret });
export const InvitationPasskeyQuestion = objectWith(["token"], { token: secret, email });
export const InvitationAnswer = objectWith(["token"], {
  token: secret,
  email: { ...email, description: "For the set-up link alone: who the first owner is" },
  password,
  passkey: objectWith(["response"], { response: webauthn, label: name }),
});
export const PasswordChange = objectWith(["new_password"], {
  current_password: { ...password, description: "Needed where there is one" },
  new_password: password,
});
export const NewPasskey = objectWith(["response"], { response: webauthn, label: name });
export const SignInStart = objectWith([], {
  return_to: { type: "string", maxLength: 2000, description: "A path of the console" },
  fresh: { type: "boolean", description: "The identity provider has to ask anew, for what needs a fresh sign-in" },
});
/** What the identity provider sends back (OpenID Connect Core §3.1.2.5 and 6), and whatever else; its library checks it. */
export const SignInCallback = {
  type: "object",
  properties: { code: text, state: text, iss: text, error: text },
  required: [],
  additionalProperties: true,
} as const;

// Parameters in paths.
export const ShortnameParam = object({ shortname: text });
export const UsernameParam = object({ username: text });
export const NameParam = object({ name: text });
const idText = { type: "integer", minimum: 1, maximum: 2 ** 31 - 1 } as const;
export const IdParam = object({ id: idText });
export const NumberParam = object({ number: { type: "integer", minimum: 1, maximum: 2 ** 32 - 1 } });
export const OperatorSessionParam = object({ id: idText, session_id: idText });

export const Nothing = object({});
