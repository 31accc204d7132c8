/**
 * Reminders about keys: which keys expire soon, which haven't been used for long, and which reminders were given. Weak keys are found
 * in `core/keys/audit`.
 */
import type { AccountId } from "../../accounts/model.ts";
import type { KeyId } from "../model.ts";

/** What a notice is about: an expiry that is less than so many days ahead, or a last use that lies long back. */
export type KeyNotice = "expiring_30d" | "expiring_7d" | "expiring_1d" | "unused";

/** A key that is looked at, with the facts of its events. */
export interface NoticedKey {
  readonly id: KeyId;
  readonly username: string;
  readonly fingerprint: string;
  readonly accountId: AccountId;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  /** Are the key, its user and its account active? Its expiry isn't considered. */
  readonly isActive: boolean;
}

/** A key with an expiry. */
export interface ExpiringKey extends NoticedKey {
  readonly expiresAtMs: number;
  /** Is there an active key that its client rotated it to? */
  readonly isReplaced: boolean;
  /** The notices that were given about this expiry. */
  readonly given: readonly KeyNotice[];
}

/** A key that may be unused. */
export interface IdleKey extends NoticedKey {
  /** The day of its last use or creation, in whole days since the epoch. It may be too early, but never too late. */
  readonly idleSinceDay: number;
  /** Was an `unused` notice given about this last use, or this creation? */
  readonly isNoticed: boolean;
}

/** A place in the list of keys by expiry. */
export type ExpiryPlace = Pick<ExpiringKey, "expiresAtMs" | "id">;

/** A place in the list of keys by the day since which they are idle. */
export type IdlePlace = Pick<IdleKey, "idleSinceDay" | "id">;

/** Walks through keys, in pages of at most `limit` keys, each read from an index in bounded time. */
export interface KeyNoticeStore {
  /** Active keys after the place that expire until `untilMs`, inclusive; by expiry, then by id. */
  listByExpiry(after: ExpiryPlace, untilMs: number, limit: number): Promise<readonly ExpiringKey[]>;
  /** Active keys after the place that are idle since `untilDay` or longer; by that day, then by id. */
  listIdle(after: IdlePlace, untilDay: number, limit: number): Promise<readonly IdleKey[]>;
}

/** Records notices within a change. */
export interface KeyNoticeTransaction {
  /**
   * Records that a notice is given.
   *
   * @param aboutMs the expiry, or the last use, that it is about
   * @returns false if it was given before
   */
  give(keyId: KeyId, notice: KeyNotice, aboutMs: number): Promise<boolean>;
}
