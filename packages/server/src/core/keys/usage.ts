import type { KeyId } from "./model.ts";
import type { KeyUsageRecord, UsageStore } from "./usage-store.ts";

const HOUR_SECONDS = 3600;

/** Tokens are counted together that expire within so long. */
const EXPIRY_SECONDS = 600;

/**
 * When each key was last used, how many tokens were issued under it an hour and when those expire, counted in memory and written
 * every few seconds. A crash loses what wasn't written yet: nothing on the way of a request may wait for the store.
 */
export interface KeyUsage {
  /** Counts a token. @param expiresAtSeconds whole seconds since the epoch */
  record(keyId: KeyId, atMs: number, expiresAtSeconds: number): void;
  /** Writes what was counted since the last flush; keeps it for the next one where the store can't be reached. */
  flush(): Promise<void>;
}

interface Count {
  lastUsedAtMs: number;
  readonly hours: Tally;
  readonly expiries: Tally;
}

/** Tokens by a time, in seconds since the epoch. Nearly all of those between two flushes have one and the same. */
interface Tally {
  readonly seconds: number;
  tokens: number;
  /** Those of other times; hardly ever there. */
  others: Map<number, number> | undefined;
}

export function createKeyUsage(usage: Pick<UsageStore, "record">): KeyUsage {
  let pending = new Map<KeyId, Count>();

  return {
    record(keyId, atMs, expiresAtSeconds) {
      const atSeconds = Math.floor(atMs / 1000);
      const hour = atSeconds - (atSeconds % HOUR_SECONDS);
      // A token is over at its expiry, so one that expires at the end of ten minutes belongs to those.
      const expiry = Math.ceil(expiresAtSeconds / EXPIRY_SECONDS) * EXPIRY_SECONDS;
      const count = pending.get(keyId);
      if (count === undefined) {
        pending.set(keyId, { lastUsedAtMs: atMs, hours: tally(hour, 1), expiries: tally(expiry, 1) });
        return;
      }
      count.lastUsedAtMs = Math.max(count.lastUsedAtMs, atMs);
      add(count.hours, hour, 1);
      add(count.expiries, expiry, 1);
    },
    async flush() {
      if (pending.size === 0) return;
      const flushing = pending;
      pending = new Map();
      const records: KeyUsageRecord[] = [];
      for (const [keyId, { lastUsedAtMs, hours, expiries }] of flushing) {
        records.push({ keyId, lastUsedAtMs, tokensByHour: toMap(hours), tokensByExpiry: toMap(expiries) });
      }
      try {
        await usage.record(records);
      } catch (error) {
        for (const [keyId, count] of flushing) putBack(keyId, count);
        throw error;
      }
    },
  };

  function putBack(keyId: KeyId, unwritten: Count): void {
    const count = pending.get(keyId);
    if (count === undefined) {
      pending.set(keyId, unwritten);
      return;
    }
    count.lastUsedAtMs = Math.max(count.lastUsedAtMs, unwritten.lastUsedAtMs);
    for (const [hour, tokens] of toMap(unwritten.hours)) add(count.hours, hour, tokens);
    for (const [expiry, tokens] of toMap(unwritten.expiries)) add(count.expiries, expiry, tokens);
  }
}

function tally(seconds: number, tokens: number): Tally {
  return { seconds, tokens, others: undefined };
}

function add(to: Tally, seconds: number, tokens: number): void {
  if (to.seconds === seconds) {
    to.tokens += tokens;
    return;
  }
  to.others ??= new Map();
  to.others.set(seconds, (to.others.get(seconds) ?? 0) + tokens);
}

function toMap({ seconds, tokens, others = new Map() }: Tally): ReadonlyMap<number, number> {
  return new Map([...others, [seconds, tokens]]);
}
