import { Refusal } from "../refusal.ts";
import type { FeedEvent, FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import { type Clock, elapsedMs, type Moment, momentOf } from "../surroundings.ts";
import { type DerivedSigningKeys, deriveSigningKeys, masterSecretMismatch, type SigningKeys } from "./signing-keys.ts";

/** A token with an unknown number makes the ring ask the store at most this often, in milliseconds. */
const LOOK_MS_MIN = 1000;

/** The signing keys as the store has them now. */
export interface SigningKeyRing extends SigningKeys {
  /**
   * Whether the keys can be relied on. Comes back at once (`undefined`) while they can; otherwise asks the store, as every
   * decision does while the feed isn't fresh.
   *
   * @throws {Refusal} `unavailable` where the store can't be asked
   */
  ready(): Promise<void> | undefined;
  /**
   * Looks for a signing key that isn't known, since another node may have minted under it: one that was paused, say, comes
   * back to keys that it hasn't heard of. `undefined` where that was done a moment ago.
   *
   * @throws {Refusal} `unavailable` where the store can't be asked, or couldn't a moment ago
   */
  look(): Promise<void> | undefined;
  /** The numbers of the keys whose tokens can be checked. */
  numbers(): readonly number[];
  /**
   * Resolves when what the change feed told so far is taken in.
   *
   * @throws {Refusal} `unavailable` where that needs the store, and it can't be asked
   */
  settled(): Promise<void>;
}

/**
 * Opens the ring, and keeps it up to date by the change feed.
 *
 * @param onMissing told of keys in the store that derive from none of the secrets, once for each number
 * @throws {OperatorError} where a key that is in use derives from none of the secrets
 */
export async function openSigningKeyRing(
  store: Pick<Store, "signingKeys" | "storeId">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
  clock: Clock,
  masterSecrets: readonly Buffer[],
  onMissing: (number: number) => void,
): Promise<SigningKeyRing> {
  /** Counts what made a reading necessary, and what the last reading had seen of that. */
  let wanted = 0;
  let seen = 0;
  let lookedAt: Moment | undefined;
  /** The last look, while it is under way and where it failed. */
  let looking: Promise<void> | undefined;
  let reading: Promise<void> = Promise.resolve();
  /** A reading that hasn't begun. */
  let nextReading: Promise<void> | undefined;
  const told = new Set<number>();

  // Before the reading, so that no event falls in between.
  feed.subscribe({
    onEvents(events) {
      if (events.some(changesSigningKeys)) markDue();
    },
    onReset: markDue,
  });
  let keys = await deriveAll();
  const [needed] = keys.missing;
  // At the start, one that lacks a secret can be mended; later on it must go on with what it has.
  if (needed !== undefined) throw masterSecretMismatch(needed, masterSecrets, await store.storeId());

  /** Two reads: where a new id and new keys come between them, the keys' fingerprints don't match, and nothing derives. */
  async function deriveAll(): Promise<DerivedSigningKeys> {
    const [records, storeId] = await Promise.all([store.signingKeys.list(), store.storeId()]);
    return deriveSigningKeys(records, masterSecrets, storeId);
  }

  function markDue(): void {
    wanted++;
    reload().catch(() => undefined);
  }

  /**
   * One under way may have missed what a caller wants to see, so there is one more after it; whoever asks before that begins
   * shares it. A reading for each would queue them up where the store is slow, or hangs.
   */
  function reload(): Promise<void> {
    if (nextReading !== undefined) return nextReading;
    const next = reading
      .catch(() => undefined)
      .then(async () => {
        nextReading = undefined;
        const seenNow = wanted;
        try {
          keys = await deriveAll();
          seen = seenNow;
        } catch (cause) {
          throw new Refusal("unavailable", "The signing keys can't be read right now.", {
            cause,
            retryAfterSeconds: 1,
          });
        }
        for (const { number } of keys.missing) {
          if (!told.has(number)) onMissing(number);
          told.add(number);
        }
      });
    nextReading = next;
    reading = next;
    return next;
  }

  return {
    get currentNumber() {
      return keys.currentNumber;
    },
    mac: (number, text) => keys.mac(number, text),
    ready: () => (seen < wanted || !feed.isFresh() ? reload() : undefined),
    look() {
      // Whoever comes with another such token meanwhile waits for the same: "unknown" would be a wrong verdict.
      if (lookedAt !== undefined && elapsedMs(clock, lookedAt) < LOOK_MS_MIN) return looking;
      lookedAt = momentOf(clock);
      const look = reload();
      looking = look;
      const forget = () => {
        if (looking === look) looking = undefined;
      };
      look.then(forget, () => undefined);
      return look;
    },
    numbers: () => keys.numbers,
    // Not the last reading, whatever it was for: where it failed long ago, there may be nothing to take in.
    settled: () => (seen < wanted ? reload() : Promise.resolve()),
  };
}

/** Does this event change the signing keys, or may it? */
export function changesSigningKeys({ event }: FeedEvent): boolean {
  return "signingKey" in event || event.action === "unknown";
}
