/**
 * Storage: implements the registry's port on SQL databases, with Kysely. All engines share one schema and one set of queries; what
 * differs is in each engine's folder. The registry's rules are decided elsewhere, in the core.
 */
import type { Access, Role } from "@countersign/protocol";
import type { Generated, GeneratedAlways } from "kysely";
import type { DeviceDecision, InvitationKind, SignInMethod } from "../core/operators/model.ts";
import type { KeyNotice } from "../core/keys/notices/store.ts";
import type { KeyStatus, Weakness } from "../core/keys/model.ts";
import type { Standing } from "../core/standing.ts";
import type { DisabledReason, Outcome } from "../core/webhooks/model.ts";

/** Times are milliseconds since the epoch. Ids are never reused. Every engine gives numbers as numbers. */
export interface Database {
  accounts: {
    id: Generated<number>;
    shortname: string;
    name: string;
    status: Standing;
    created_at_ms: number;
    /** The name in lower case. */
    search_name: string;
    /** How many API users it has; they are never removed. */
    users: Generated<number>;
    /** The maximum age of its keys, in seconds. */
    key_age_max_s: number | null;
    description: string | null;
    contact: string | null;
    /** It is out of the lists since then, and deactivated. */
    archived_at_ms: number | null;
  };
  api_users: {
    id: Generated<number>;
    account_id: number;
    username: string;
    /** The part of the username after `api-<account id>-`. The engine computes it. */
    name: GeneratedAlways<string>;
    access: Access;
    status: Standing;
    created_at_ms: number;
    /** 1 if it may send in its next key itself. */
    may_rotate: Generated<number>;
    /** CIDRs, joined by commas. */
    networks: string | null;
    display_name: string | null;
    description: string | null;
    contact: string | null;
    /** It is out of the lists since then, and deactivated. */
    archived_at_ms: number | null;
  };
  public_keys: {
    id: Generated<number>;
    user_id: number;
    fingerprint: string;
    thumbprint: string;
    bits: number;
    spki: Uint8Array;
    label: string | null;
    status: KeyStatus;
    created_at_ms: number;
    expires_at_ms: number | null;
    /** SHA-256 of the modulus, in hex. Empty if a node of an earlier release added the key. */
    modulus_hash: Generated<string>;
    /** The user's account. Null if a node of an earlier release added the key. */
    account_id: number | null;
    /** The day of its last use or, before that, of its creation; in days since the epoch. Written once a day. */
    idle_since_day: Generated<number>;
    /** When its holder proved possession of the private key. */
    proved_at_ms: number | null;
    /** The key that signed for its addition. */
    rotated_from: number | null;
    /** CIDRs, joined by commas. */
    networks: string | null;
    /** As the last audit of the stored keys found. */
    weakness: Weakness | null;
  };
  /** SHA-256 of moduli that were revoked by a statement while no key had them. */
  revoked_moduli: {
    modulus_hash: string;
    revoked_at_ms: number;
  };
  /** Notices that were given about keys, such as that one expires. */
  key_notices: {
    key_id: number;
    notice: KeyNotice;
    /** The expiry or the last use that it was about. */
    about_ms: number;
  };
  /** Background jobs, each run by one node at a time. */
  jobs: {
    name: string;
    /** The id of the node that runs it, or did last. */
    holder: string;
    held_until_ms: number;
    /** When a run was last completed. */
    ran_at_ms: number | null;
    /** How far the job got; its meaning is the job's own. */
    position: number | null;
  };
  /** Separate from `public_keys`, because it is written often and may be lost. */
  key_usage: {
    key_id: number;
    last_used_at_ms: number;
  };
  /** Tokens issued by key and hour. Separate and lossy, like `key_usage`. */
  key_usage_hours: {
    key_id: number;
    /** When the hour began, in whole seconds since the epoch. */
    hour_s: number;
    tokens: number;
  };
  /** The same totals by account, since there are too many keys to add up on each read. */
  account_usage_hours: {
    account_id: number;
    hour_s: number;
    tokens: number;
  };
  usage_hours: {
    hour_s: number;
    tokens: number;
  };
  /** Refused requests of all clients by hour and code. Lossy, like `key_usage`. */
  refusal_hours: {
    hour_s: number;
    code: string;
    refusals: number;
  };
  /** Refused assertions that named an API user, by hour and code. Lossy, like `key_usage`. */
  user_refusal_hours: {
    user_id: number;
    hour_s: number;
    code: string;
    refusals: number;
  };
  /** Tokens by expiry. Separate and lossy, like `key_usage`; removed once they have expired. */
  key_expiries: {
    account_id: number;
    user_id: number;
    key_id: number;
    /** The end of the ten minutes in which they expire, in whole seconds since the epoch. */
    expires_s: number;
    tokens: number;
  };
  /** The nodes that serve; each sends a heartbeat every few seconds. */
  nodes: {
    id: string;
    started_at_ms: number;
    seen_at_ms: number;
    version: string;
    /** The numbers of the signing keys whose tokens it can check, joined by commas. */
    signing_keys: string;
    /** Null for a node of an earlier release. */
    public_url: string | null;
    /** Null for a node of an earlier release. */
    host_name: string | null;
    /** Null for a node of an earlier release. */
    feed_lag_ms: number | null;
  };
  /** One row: the store's identity. */
  store_identity: {
    one: number;
    /** 16 random bytes, in hex. Signing keys derive from it. */
    id: string;
    /** The id that the store had before it was accepted. */
    previous_id: string | null;
    /** When `backup` wrote the file; null once it was accepted, and in every other store. */
    backup_at_ms: number | null;
    /** 1 once its position has been remembered beside it; a SQLite store only. */
    is_remembered: Generated<number>;
  };
  signing_keys: {
    number: number;
    master_fingerprint: string;
    created_at_ms: number;
    /** When it began to sign new tokens; null while some live node can't check them yet. */
    activated_at_ms: number | null;
    retired_at_ms: number | null;
  };
  resource_servers: {
    id: Generated<number>;
    name: string;
    status: Standing;
    /** SHA-256 of the secret, in hex. */
    secret_hash: string;
    previous_secret_hash: string | null;
    previous_secret_ends_at_ms: number | null;
    created_at_ms: number;
  };
  /** Individually revoked tokens; removed once they have expired. */
  revoked_tokens: {
    id: Generated<number>;
    user_id: number;
    key_id: number;
    nonce: number;
    /** Whole seconds since the epoch. */
    expires_at_s: number;
  };
  /** Used assertions of OAuth clients, each valid once; removed once they have expired. */
  used_assertions: {
    id: Generated<number>;
    user_id: number;
    jti_hash: string;
    /** Whole seconds since the epoch. */
    expires_at_s: number;
  };
  /** The audit log, which is the change feed. Appended to, never updated. */
  audit_events: {
    seq: number;
    at_ms: number;
    actor: string;
    action: string;
    subject: string;
    /** JSON. */
    details: string;
    previous_hash: string;
    hash: string;
    /** The account that the event concerns; not hashed, since it follows from the other columns. */
    account_id: number | null;
  };
  operators: {
    id: Generated<number>;
    /** In lower case. */
    email: string;
    role: Role;
    /** The account that the operator is limited to, if any. */
    account_id: number | null;
    status: Standing;
    /** Argon2id, PHC string format. */
    password_hash: string | null;
    federated_issuer: string | null;
    federated_subject: string | null;
    created_at_ms: number;
    last_signed_in_at_ms: number | null;
  };
  operator_sessions: {
    id: Generated<number>;
    operator_id: number;
    /** SHA-256 of the cookie's value, in hex. */
    secret_hash: string;
    method: SignInMethod;
    created_at_ms: number;
    last_seen_at_ms: number;
    user_agent: string;
    address: string;
    /** When the operator last proved their identity; 0 if unknown. */
    authenticated_at_ms: Generated<number>;
  };
  /** Attempts to sign in; removed once their window has ended. */
  sign_in_attempts: {
    /** A keyed hash of the e-mail address. */
    name_hash: string;
    failures: number;
    ends_at_ms: number;
  };
  passkeys: {
    id: Generated<number>;
    operator_id: number;
    credential_id: string;
    public_key: Uint8Array;
    counter: number;
    relying_party: string;
    /** JSON: an array of texts. */
    transports: string;
    label: string;
    created_at_ms: number;
    last_used_at_ms: number | null;
  };
  /** Answered challenges; removed once they have expired. */
  used_challenges: {
    hash: string;
    expires_at_ms: number;
  };
  /** Unused recovery codes. */
  recovery_codes: {
    operator_id: number;
    code_hash: string;
  };
  /** One-time links; removed once used, withdrawn, or long expired. */
  invitations: {
    id: Generated<number>;
    kind: InvitationKind;
    /** SHA-256 of the link's secret, in hex. */
    secret_hash: string;
    /** In lower case. */
    email: string | null;
    role: Role;
    account_id: number | null;
    created_by: string;
    created_at_ms: number;
    expires_at_ms: number;
  };
  admin_tokens: {
    id: Generated<number>;
    name: string;
    /** SHA-256 of the token, in hex. */
    secret_hash: string;
    role: Role;
    account_id: number | null;
    created_by: string;
    created_at_ms: number;
    expires_at_ms: number | null;
    revoked_at_ms: number | null;
    last_used_at_ms: number | null;
    /** The operator whom it is bound to. */
    operator_id: number | null;
    /** The machine of a command line that an operator signed in. */
    host_name: string | null;
  };
  /** Command lines that wait to be signed in; removed once they have their token, or have expired. */
  device_sign_ins: {
    id: Generated<number>;
    /** SHA-256 of the codes, in hex. */
    device_code_hash: string;
    user_code_hash: string;
    host_name: string;
    address: string;
    created_at_ms: number;
    expires_at_ms: number;
    /** Null while no operator has decided. The columns that follow are those of an approval. */
    decision: DeviceDecision["kind"] | null;
    operator_id: number | null;
    role: Role | null;
    account_id: number | null;
    life_s: number | null;
  };
  /** Creations that a retry with the same idempotency key doesn't repeat. */
  remembered_creations: {
    principal: string;
    key_hash: string;
    request_hash: string;
    subject: string;
    created_at_ms: number;
  };
  /** Endpoints that get events. Their secrets derive from the master secret and the salts. */
  webhooks: {
    id: Generated<number>;
    url: string;
    label: string | null;
    /** Patterns of actions, joined by commas. */
    events: string;
    account_id: number | null;
    status: Standing;
    disabled_reason: DisabledReason | null;
    /** 16 random bytes, in hex. */
    secret_salt: string;
    secret_fingerprint: string;
    previous_salt: string | null;
    previous_fingerprint: string | null;
    previous_ends_at_ms: number | null;
    /** The `seq` of the last event that was delivered or left out. */
    position: number;
    /** Failed attempts to deliver the next event. */
    attempts: number;
    failing_since_ms: number | null;
    next_attempt_at_ms: number | null;
    last_delivered_at_ms: number | null;
    created_by: string;
    created_at_ms: number;
  };
  /** The last attempts to deliver to each endpoint. */
  webhook_deliveries: {
    id: Generated<number>;
    webhook_id: number;
    seq: number;
    action: string;
    message_id: string;
    attempt: number;
    at_ms: number;
    outcome: Outcome;
    http_status: number | null;
    duration_ms: number;
  };
}
