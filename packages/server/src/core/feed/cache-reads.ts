import { Refusal } from "../refusal.ts";
import type { FeedFollower } from "./follow-feed.ts";

/** Store reads for a cache's misses. */
export interface CacheReads<Key, Value> {
  /**
   * Reads the store. Concurrent callers with the same key share the answer, unless an eviction came between them or the feed isn't
   * confirmed.
   *
   * @param keep puts the answer into the cache; not called for an answer that may predate an eviction
   * @throws {Refusal} `unavailable` if the store can't be read
   */
  read(key: Key, ask: () => Promise<Value>, keep: (value: Value) => void): Promise<Value>;
  /**
   * Call this with every eviction. A pending read may lack the change that caused the eviction. Its answer is correct only for
   * requests that began before the change was acknowledged, so from now on it is neither kept nor shared.
   */
  discard(): void;
  /** The number of cache misses. */
  misses(): number;
}

export function createCacheReads<Key, Value>(feed: Pick<FeedFollower, "isFresh">): CacheReads<Key, Value> {
  /** Pending reads since the last eviction. */
  let underWay = new Map<Key, Promise<Value>>();
  let misses = 0;
  return {
    read(key, ask, keep) {
      misses++;
      const generation = underWay;
      // An unconfirmed feed may not have reported a change, so an earlier read's answer may predate it.
      const shared = feed.isFresh() ? generation.get(key) : undefined;
      if (shared !== undefined) return shared;
      const reading = (async () => {
        try {
          const value = await ask();
          if (generation === underWay && feed.isFresh()) keep(value);
          return value;
        } catch (cause) {
          throw new Refusal("unavailable", "The registry can't be read right now.", { cause, retryAfterSeconds: 1 });
        }
      })();
      generation.set(key, reading);
      const settled = () => {
        if (generation.get(key) === reading) generation.delete(key);
      };
      reading.then(settled, settled);
      return reading;
    },
    discard() {
      underWay = new Map();
    },
    misses: () => misses,
  };
}
