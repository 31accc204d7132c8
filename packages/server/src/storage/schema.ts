/**
 * Storage: the registry's port on SQL databases, by way of Kysely. One schema and one set of queries; what differs between
 * engines is in the engine's folder. No rule of the registry is decided here.
 */
import type { Access } from "@countersign/protocol";
import type { Generated } from "kysely";
import type { KeyStatus, Standing } from "../core/registry/model.ts";

/** Times are milliseconds since the epoch. Ids are never reused. Every engine gives numbers as numbers. */
export interface Database {
  accounts: {
    id: Generated<number>;
    shortname: string;
    name: string;
    status: Standing;
    created_at_ms: number;
  };
  api_users: {
    id: Generated<number>;
    account_id: number;
    username: string;
    access: Access;
    status: Standing;
    created_at_ms: number;
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
  };
  /** Apart from `public_keys`, because it is written all the time and may be lost. */
  key_usage: {
    key_id: number;
    last_used_at_ms: number;
  };
  /** Tokens issued a key and hour. Apart, and lossy, as `key_usage` is. */
  key_usage_hours: {
    key_id: number;
    /** When the hour began, in whole seconds since the epoch. */
    hour_s: number;
    tokens: number;
  };
  /** Processes that serve; each says every few seconds that it is there. */
  nodes: {
    id: string;
    started_at_ms: number;
    seen_at_ms: number;
    version: string;
    /** The numbers of the signing keys whose tokens it can check, joined by commas. */
    signing_keys: string;
  };
  signing_keys: {
    number: number;
    master_fingerprint: string;
    created_at_ms: number;
    /** From when on it signs new tokens; null while live nodes can't check them yet. */
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
  /** Tokens revoked one by one; removed once they have expired. */
  revoked_tokens: {
    id: Generated<number>;
    user_id: number;
    key_id: number;
    nonce: number;
    /** Whole seconds since the epoch. */
    expires_at_s: number;
  };
  /** Assertions of OAuth clients, each good for one use; removed once they couldn't be accepted any more. */
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
  };
}
