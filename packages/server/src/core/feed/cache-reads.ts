import { Refusal } from "../refusal.ts";
import type { FeedFollower } from "./follow-feed.ts";

/** The reads by which a cache of store records answers what it doesn't have. */
export interface CacheReads<Key, Value> {
  /**
   * Asks the store. Callers that ask for the same key while that is under way share the answer, unless an eviction came between
   * them or the feed isn't confirmed.
   *
   * @param keep puts the answer into the cache; not called for an answer that may lack a change that was already taken in
   * @throws {Refusal} `unavailable` if the store can't be asked
   */
  read(key: Key, ask: () => Promise<Value>, keep: (value: Value) => void): Promise<Value>;
  /**
   * Call this with every eviction. A read that is under way may lack the change that caused the eviction. Its answer is right for
   * requests that began before the change was acknowledged and for no others: it is neither kept nor shared from now on.
   */
  discard(): void;
  /** How often the cache couldn't answer by itself. */
  misses(): number;
}

export function createCacheReads<Key, Value>(feed: Pick<FeedFollower, "isFresh">): CacheReads<Key, Value> {
  /** Reads under way since the last eviction. */
  let underWay = new Map<Key, Promise<Value>>();
  let misses = 0;
  return {
    read(key, ask, keep) {
      misses++;
      const generation = underWay;
      // An unconfirmed feed doesn't report changes, so an earlier question may have an answer from before one.
      const shared = feed.isFresh() ? generation.get(key) : undefined;
      if (shared !== undefined) return shared;
      const reading = (async () => {
        try {
          const value = await ask();
          if (generation === underWay && feed.isFresh()) keep(value);
          return value;
        } catch (cause) {
          throw new Refusal("unavailable", "The registry can't be asked right now.", { cause, retryAfterSeconds: 1 });
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
