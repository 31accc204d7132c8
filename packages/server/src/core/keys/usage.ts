import type { KeyId } from "./model.ts";
import type { KeyUsageRecord, UsageStore } from "./usage-store.ts";

const HOUR_SECONDS = 3600;

/** Tokens that expire within the same interval of this length are counted together, in seconds. */
const EXPIRY_SECONDS = 600;

/**
 * Records when each key was last used, how many tokens were issued under it per hour, and when they expire. It counts in memory, so
 * that no request waits for the store, and is written every few seconds. A crash loses what wasn't written yet.
 */
export interface KeyUsage {
  /** Counts a token. @param expiresAtSeconds whole seconds since the epoch */
  record(keyId: KeyId, atMs: number, expiresAtSeconds: number): void;
  /** Writes the counts since the last flush. If that fails, keeps them for the next one and rejects. */
  flush(): Promise<void>;
}

interface Count {
  lastUsedAtMs: number;
  readonly hours: Tally;
  readonly expiries: Tally;
}

/** Tokens keyed by a time, in seconds since the epoch. Between two flushes, nearly all tokens have the same time. */
interface Tally {
  readonly seconds: number;
  tokens: number;
  /** Tokens with other times; rarely needed. */
  others: Map<number, number> | undefined;
}

export function createKeyUsage(usage: Pick<UsageStore, "record">): KeyUsage {
  let pending = new Map<KeyId, Count>();

  return {
    record(keyId, atMs, expiresAtSeconds) {
      const atSeconds = Math.floor(atMs / 1000);
      const hour = atSeconds - (atSeconds % HOUR_SECONDS);
      // A token is expired at the instant of its expiry, so a token that expires at the end of an interval belongs to it.
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
