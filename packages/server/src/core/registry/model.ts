/**
 * The registry: accounts, their API users, their public keys. What they are, which changes are allowed, how a key is
 * admitted, what requests see of it, and the port that a store implements.
 *
 * No SQL and no HTTP. Every change goes through `changes.ts`, which writes it and its audit event in one transaction.
 */
import type { Access } from "@countersign/protocol";

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Ids are positive 32-bit integers and never reused (1-contract, token payload). */
export type AccountId = Branded<"AccountId">;
export type ApiUserId = Branded<"ApiUserId">;
export type KeyId = Branded<"KeyId">;
export type ResourceServerId = Branded<"ResourceServerId">;

/** On, or off until somebody turns it on again. */
export type Standing = "active" | "deactivated";

/** `revoked` is deactivated for good. */
export type KeyStatus = Standing | "revoked";

/** A customer, partner or team; owns API users. Times are milliseconds since the epoch throughout. */
export interface Account {
  readonly id: AccountId;
  /** Unique; lower-case letters, digits, `.`, `_` and `-`. */
  readonly shortname: string;
  readonly name: string;
  readonly status: Standing;
  readonly createdAtMs: number;
}

/** A client of the API: signs assertions and holds tokens. */
export interface ApiUser {
  readonly id: ApiUserId;
  readonly accountId: AccountId;
  /** The account's shortname. */
  readonly account: string;
  /** `api-<account id>-<name>`: what an assertion's `username` says. */
  readonly username: string;
  readonly access: Access;
  readonly status: Standing;
  readonly createdAtMs: number;
}

/** The public half of an API user's RSA key. */
export interface PublicKey {
  readonly id: KeyId;
  readonly userId: ApiUserId;
  readonly username: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** RFC 7638, base64url. */
  readonly thumbprint: string;
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly label: string | null;
  readonly status: KeyStatus;
  readonly createdAtMs: number;
  /** The key is over at this instant, inclusive. */
  readonly expiresAtMs: number | null;
  /** Counted in memory and written every few seconds: it may lag, and lose its last seconds in a crash. */
  readonly lastUsedAtMs: number | null;
}

/** An API that asks about tokens. It knows its secret; this side knows a hash of it. */
export interface ResourceServer {
  readonly id: ResourceServerId;
  /** `rs-<id>`: what it calls itself when it asks. */
  readonly clientId: string;
  /** Unique; lower-case letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  readonly status: Standing;
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  /** The secret before the last rotation, while that is still good. */
  readonly previousSecret: { readonly hash: string; readonly endsAtMs: number } | null;
  readonly createdAtMs: number;
}

/** What requests need to know of a key. */
export type RecordKey = Pick<PublicKey, "id" | "thumbprint" | "bits" | "spki" | "status" | "expiresAtMs">;

/** A user with what requests need to know of it: its account's standing and its keys. */
export interface ApiUserRecord {
  readonly user: ApiUser;
  readonly accountStatus: Standing;
  readonly keys: readonly RecordKey[];
}

/** Has the key's expiry passed? At equality it has. */
export function isExpired(key: { readonly expiresAtMs: number | null }, nowMs: number): boolean {
  return key.expiresAtMs !== null && key.expiresAtMs <= nowMs;
}
