import { readAtMostEvery } from "../read-at-most-every.ts";
import type { KeyFilter, KeyStore } from "./store.ts";

const DAY_MS = 86_400_000;

/** How many keys there are that an operator should look at, each counted up to `COUNT_MAX` + 1. */
export interface KeyCounts {
  readonly active: number;
  /** Active keys that expire within this time. */
  readonly expiring_1d: number;
  readonly expiring_7d: number;
  readonly expiring_30d: number;
  /** Active keys that weren't used for 90 days. */
  readonly unused_90d: number;
  /** Found by the last audit. */
  readonly weak: number;
}

/** Counts keys, each figure from one index. @param scope an account, or everything */
export async function countKeys(
  keys: Pick<KeyStore, "count">,
  nowMs: number,
  scope: Pick<KeyFilter, "accountId"> = {},
): Promise<KeyCounts> {
  const count = (filter: KeyFilter) => keys.count({ ...scope, ...filter }, nowMs);
  const expiringIn = (days: number) => count({ expiringUntilMs: nowMs + days * DAY_MS });
  return {
    active: await count({ status: "active" }),
    expiring_1d: await expiringIn(1),
    expiring_7d: await expiringIn(7),
    expiring_30d: await expiringIn(30),
    unused_90d: await count({ unusedSinceMs: nowMs - 90 * DAY_MS }),
    weak: await count({ isWeak: true }),
  };
}

/** How long counts are good for, in milliseconds. */
const COUNTS_FRESH_MS = 60_000;

/**
 * The counts of all keys for metrics: read from the store at most once a minute, whatever the number of scrapes. `undefined` if the
 * store can't be read.
 */
export function createKeyCounts(
  keys: Pick<KeyStore, "count">,
  clock: { wallMs(): number; monotonicMs(): number },
): () => Promise<KeyCounts | undefined> {
  return readAtMostEvery(COUNTS_FRESH_MS, clock, () => countKeys(keys, clock.wallMs()));
}
