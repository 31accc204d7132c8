import type { KeyId } from "./model.ts";
import type { KeyUsageRecord, RegistryStore } from "./store.ts";

const HOUR_SECONDS = 3600;

/**
 * When each key was last used and how many tokens were issued under it an hour, counted in memory and written every few seconds.
 * A crash loses what wasn't written yet: nothing on the way of a request may wait for the store.
 */
export interface KeyUsage {
  /** Counts a token. */
  record(keyId: KeyId, atMs: number): void;
  /** Writes what was counted since the last flush; keeps it for the next one where the store can't be reached. */
  flush(): Promise<void>;
}

interface Count {
  lastUsedAtMs: number;
  /** When the hour began that `tokens` counts, in seconds since the epoch. */
  hourSeconds: number;
  tokens: number;
  /** Earlier hours; hardly ever there. */
  earlier: Map<number, number> | undefined;
}

export function createKeyUsage(store: Pick<RegistryStore, "recordKeyUsage">): KeyUsage {
  let pending = new Map<KeyId, Count>();

  function add(keyId: KeyId, atMs: number, hourSeconds: number, tokens: number): void {
    const count = pending.get(keyId);
    if (count === undefined) {
      pending.set(keyId, { lastUsedAtMs: atMs, hourSeconds, tokens, earlier: undefined });
      return;
    }
    count.lastUsedAtMs = Math.max(count.lastUsedAtMs, atMs);
    if (count.hourSeconds === hourSeconds) {
      count.tokens += tokens;
      return;
    }
    count.earlier ??= new Map();
    count.earlier.set(hourSeconds, (count.earlier.get(hourSeconds) ?? 0) + tokens);
  }

  return {
    record(keyId, atMs) {
      const seconds = Math.floor(atMs / 1000);
      add(keyId, atMs, seconds - (seconds % HOUR_SECONDS), 1);
    },
    async flush() {
      if (pending.size === 0) return;
      const flushing = pending;
      pending = new Map();
      const records: KeyUsageRecord[] = [];
      for (const [keyId, { lastUsedAtMs, hourSeconds, tokens, earlier = [] }] of flushing) {
        records.push({ keyId, lastUsedAtMs, tokensByHour: new Map([...earlier, [hourSeconds, tokens]]) });
      }
      try {
        await store.recordKeyUsage(records);
      } catch (error) {
        for (const { keyId, lastUsedAtMs, tokensByHour } of records) {
          for (const [hour, tokens] of tokensByHour) add(keyId, lastUsedAtMs, hour, tokens);
        }
        throw error;
      }
    },
  };
}
