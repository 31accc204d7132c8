import type { AccountId } from "../accounts/model.ts";
import type { ApiUserId } from "../users/model.ts";
import type { KeyId } from "./model.ts";

/** What a key was used for since usage was last written. */
export interface KeyUsageRecord {
  readonly keyId: KeyId;
  readonly lastUsedAtMs: number;
  /** Tokens issued, by the hour; the hour by when it began, in whole seconds since the epoch. */
  readonly tokensByHour: ReadonlyMap<number, number>;
  /**
   * Tokens issued, by when they expire: by the end of the ten minutes in which they do, in whole seconds since the epoch.
   */
  readonly tokensByExpiry: ReadonlyMap<number, number>;
}

/** Whose usage: of a key, a user, an account, or of everything. */
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

/** An API user whose tokens would be dead, and how many those are. */
export interface LiveTokens {
  readonly username: string;
  /**
   * Tokens that were issued and haven't expired. Counted by the ten minutes in which they expire, so it may be a few too many;
   * written every few seconds, so it may lag. Tokens that were revoked one by one are among them.
   */
  readonly liveTokens: number;
  readonly lastUsedAtMs: number | null;
}

/** Usage of keys, which may be lost: it isn't written within changes. */
export interface UsageStore {
  /** Keeps the later of the stored and the given time for each key, and adds the tokens to those of each hour. */
  record(usage: readonly KeyUsageRecord[]): Promise<void>;
  /** Hours in which tokens were issued under a key, from `fromSeconds` on, in order. */
  keyHours(keyId: KeyId, fromSeconds: number): Promise<readonly UsageHour[]>;
  /** Hours in which tokens were issued, in order, from one (inclusive) until another (exclusive). */
  hours(scope: UsageScope, fromSeconds: number, untilSeconds: number): Promise<readonly UsageHour[]>;
  /** The tokens that are alive, by user, most first, at most `limit` users; and all of them added up. */
  liveTokens(
    scope: UsageScope,
    nowSeconds: number,
    limit: number,
  ): Promise<{ readonly users: readonly LiveTokens[]; readonly userCount: number; readonly liveTokens: number }>;
}
