/**
 * The audit of stored keys: examines the keys that are in the registry already as if they were added now, and records what it finds.
 * How a single key is examined is decided in `core/keys/weakness`.
 */
import type { AccountId } from "../../accounts/model.ts";
import type { KeyId, PublicKey, Weakness } from "../model.ts";

/** A stored key, as the audit reads it. */
export interface AuditedKey extends PublicKey {
  readonly accountId: AccountId;
}

/** Reads stored keys in pages, each from an index in bounded time. */
export interface KeyAuditStore {
  /** Keys of every status after the id, by id, at most `limit`. */
  listById(after: KeyId, limit: number): Promise<readonly AuditedKey[]>;
  /** The same, but only keys that an older release added during an upgrade, without what this release records of a new key. */
  listIncomplete(after: KeyId, limit: number): Promise<readonly Pick<PublicKey, "id" | "spki">[]>;
  /** How many keys that aren't revoked have each weakness. */
  countWeak(): Promise<ReadonlyMap<Weakness, number>>;
}

/** Records findings within a change. */
export interface KeyAuditTransaction {
  /** Adds to a key what an older release didn't record. */
  complete(keyId: KeyId, modulusHash: string): Promise<void>;
  setWeakness(keyId: KeyId, weakness: Weakness | null): Promise<void>;
}
