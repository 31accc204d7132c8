import type { AccountId } from "../accounts/model.ts";
import type { ApiUserId } from "../users/model.ts";
import type { KeyId } from "./model.ts";

/** A key's usage since usage was last written. */
export interface KeyUsageRecord {
  readonly keyId: KeyId;
  readonly lastUsedAtMs: number;
  /** Tokens issued in each hour, keyed by the hour's start in whole seconds since the epoch. */
  readonly tokensByHour: ReadonlyMap<number, number>;
  /**
   * Tokens issued, keyed by the end of the ten-minute interval in which they expire, in whole seconds since the epoch.
   */
  readonly tokensByExpiry: ReadonlyMap<number, number>;
}

/** The scope of a usage query: a key, a user, an account, or everything. */
export type UsageScope =
  | { readonly keyId: KeyId }
  | { readonly userId: ApiUserId }
  | { readonly accountId: AccountId }
  | Record<string, never>;

/** Tokens issued in the hour that began at `hourSeconds`, since the epoch. */
export interface UsageHour {
  readonly hourSeconds: number;
  readonly tokens: number;
}

/** Requests refused with one code in the hour that began at `hourSeconds`, since the epoch. */
export interface RefusalHour {
  readonly hourSeconds: number;
  /** A refusal code, perhaps of another version. */
  readonly code: string;
  readonly refusals: number;
}

/** Refused assertions that named an API user, with one code, in the hour that began at `hourSeconds`, since the epoch. */
export interface UserRefusalHour extends RefusalHour {
  readonly userId: ApiUserId;
}

/** An API user and the number of its live tokens. */
export interface LiveTokens {
  readonly username: string;
  /**
   * Issued tokens that haven't expired. They are counted by the ten-minute interval of their expiry, so the number may be slightly too
   * high, and written every few seconds, so it may lag. It includes individually revoked tokens.
   */
  readonly liveTokens: number;
  readonly lastUsedAtMs: number | null;
}

/** Usage of keys. It isn't written in changes' transactions, so a crash may lose some. */
export interface UsageStore {
  /** Keeps the later of the stored and the given time for each key, and adds the tokens to those of each hour. */
  record(usage: readonly KeyUsageRecord[]): Promise<void>;
  /** Hours in which tokens were issued under a key, from `fromSeconds` on, in order. */
  keyHours(keyId: KeyId, fromSeconds: number): Promise<readonly UsageHour[]>;
  /** Hours in which tokens were issued, in order, from one (inclusive) until another (exclusive). */
  hours(scope: UsageScope, fromSeconds: number, untilSeconds: number): Promise<readonly UsageHour[]>;
  /** Adds to the counts of each hour and code. */
  recordRefusals(refusals: readonly RefusalHour[]): Promise<void>;
  /** Refused requests by code, from `fromSeconds` on, most first. */
  refusals(fromSeconds: number): Promise<readonly Pick<RefusalHour, "code" | "refusals">[]>;
  /** Adds to the counts of each user, hour and code. */
  recordUserRefusals(refusals: readonly UserRefusalHour[]): Promise<void>;
  /** Refused assertions that named a user, by code, from `fromSeconds` on, most first; and the last hour with one, for each code. */
  userRefusals(userId: ApiUserId, fromSeconds: number): Promise<readonly RefusalHour[]>;
  /** Live tokens by user, most tokens first, for at most `limit` users; and their total. */
  liveTokens(
    scope: UsageScope,
    nowSeconds: number,
    limit: number,
  ): Promise<{ readonly users: readonly LiveTokens[]; readonly userCount: number; readonly liveTokens: number }>;
}
