import type { Page, PageRequest } from "../store/page.ts";
import type { ApiUserId } from "../users/model.ts";
import type { AccountId } from "../accounts/model.ts";
import type { KeyId, KeyStatus, PublicKey } from "./model.ts";

/** Which keys a list has: those that meet every condition given. */
export interface KeyFilter {
  readonly accountId?: AccountId | undefined;
  readonly userId?: ApiUserId | undefined;
  readonly status?: KeyStatus | undefined;
  /** Active keys that haven't expired yet and will have by this time, inclusive. */
  readonly expiringUntilMs?: number | undefined;
  /** Active, unexpired keys whose last use or, if there is none, whose creation was at this time or before. */
  readonly unusedSinceMs?: number | undefined;
  /** Keys that the last audit found weak, without revoked ones unless `status` asks for them. */
  readonly isWeak?: true | undefined;
}

/** Newest first, by expiry, or by the day of the last use. */
export type KeyOrder = "newest" | "expiry" | "idle";

/** Reads the keys that a key rotated in, directly or by others; never the key itself. */
export interface KeyDescendants {
  /** The keys that it rotated in directly, in the order of their ids. */
  listRotatedFrom(keyId: KeyId): Promise<readonly PublicKey[]>;
  /** In the order of their ids. */
  listDescendants(keyId: KeyId): Promise<readonly PublicKey[]>;
  /** Newest first; the page key is `[id]`. */
  pageDescendants(keyId: KeyId, page: PageRequest): Promise<Page<PublicKey>>;
}

/** What the examination of keys reads, in a transaction and outside. */
export interface ModulusReads {
  /** Every key of every user with this modulus, whatever its exponent and status, in the order of their ids. */
  findByModulusHash(modulusHash: string): Promise<readonly PublicKey[]>;
  /** The same for many moduli, in any order. */
  findByModulusHashes(modulusHashes: readonly string[]): Promise<readonly PublicKey[]>;
  /** Was the modulus revoked without a registered key? */
  isModulusRevoked(modulusHash: string): Promise<boolean>;
  /** The keys of all users after an id, in the order of their ids: their moduli are in their SPKI. */
  listModuli(afterId: KeyId, limit: number): Promise<readonly Pick<PublicKey, "id" | "spki">[]>;
}

/** Reads public keys outside of transactions. */
export interface KeyStore extends ModulusReads, KeyDescendants {
  /** In the order of their ids. */
  list(userId: ApiUserId): Promise<readonly PublicKey[]>;
  /** The keys of all these users, in the order of their ids. One query: give some hundred users at most. */
  listOf(userIds: readonly ApiUserId[]): Promise<readonly PublicKey[]>;
  find(keyId: KeyId): Promise<PublicKey | undefined>;
  /** Newest first; the page key is `[id]`. */
  page(userId: ApiUserId, page: PageRequest): Promise<Page<PublicKey>>;
  /** A page of all users' keys, in the order that `keyOrder` gives for the filter; its key is what `keyPlace` gives. */
  pageAll(filter: KeyFilter, nowMs: number, page: PageRequest): Promise<Page<PublicKey>>;
  /** How many keys match, counted up to `COUNT_MAX` + 1. */
  count(filter: KeyFilter, nowMs: number): Promise<number>;
}

/** Reads and writes public keys in a transaction. */
export interface KeyTransaction extends ModulusReads, Pick<KeyDescendants, "listRotatedFrom" | "listDescendants"> {
  find(keyId: KeyId): Promise<PublicKey | undefined>;
  /** Remembers a modulus that no registered key has as revoked, for good. */
  insertRevokedModulus(modulusHash: string, atMs: number): Promise<void>;
  /** How many moduli are revoked without a registered key. */
  countRevokedModuli(): Promise<number>;
  /** Keys of the user that are neither revoked nor expired. */
  countUsable(userId: ApiUserId, nowMs: number): Promise<number>;
  /** Keys of the user that were rotated in at this time or later. */
  countRotatedSince(userId: ApiUserId, sinceMs: number): Promise<number>;
  insert(
    key: Omit<PublicKey, "id" | "username" | "status" | "lastUsedAtMs" | "idleSinceDay" | "weakness"> & {
      readonly accountId: AccountId;
    },
  ): Promise<KeyId>;
  /** Which of these moduli were revoked without a registered key? */
  listRevokedModuli(modulusHashes: readonly string[]): Promise<readonly string[]>;
  /** Ids for {@link insertAll}, ascending. An id that isn't used then may be missing for good. */
  reserveIds(count: number): Promise<readonly KeyId[]>;
  /** Inserts many keys in a few statements, with reserved ids. */
  insertAll(keys: readonly (PublicKey & { readonly accountId: AccountId })[]): Promise<void>;
  /** Changes nothing where the key is revoked. */
  setStatus(keyId: KeyId, status: KeyStatus): Promise<void>;
  /** Changes what may be changed of a key besides its status. */
  update(keyId: KeyId, values: Partial<Pick<PublicKey, "label" | "expiresAtMs" | "networks">>): Promise<void>;
}
