import { Refusal } from "../refusal.ts";
import type { FeedEvent, FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import { type Clock, elapsedMs, type Moment, momentOf } from "../surroundings.ts";
import { type DerivedSigningKeys, deriveSigningKeys, masterSecretMismatch, type SigningKeys } from "./signing-keys.ts";

/** How often unknown key numbers may make the ring ask the store, in milliseconds. */
const LOOK_MS_MIN = 1000;

/** The signing keys as the store has them now, kept up to date by the change feed. */
export interface SigningKeyRing extends SigningKeys {
  /**
   * Makes sure that the keys can be relied on: `undefined` if they can already; otherwise the store is asked, as for every
   * decision while the feed isn't fresh.
   *
   * @throws {Refusal} `unavailable` if the store can't be asked
   */
  ready(): Promise<void> | undefined;
  /**
   * Reads the keys again because a token names an unknown one. Another node may have minted under a key that this node hasn't
   * heard of, for example while this node was paused. `undefined` if the keys were read for that reason a moment ago.
   *
   * @throws {Refusal} `unavailable` if the store can't be asked, or couldn't a moment ago
   */
  look(): Promise<void> | undefined;
  /** The numbers of the keys whose tokens can be checked. */
  numbers(): readonly number[];
  /**
   * Resolves when the ring includes every change that the feed has reported.
   *
   * @throws {Refusal} `unavailable` if that needs the store and it can't be asked
   */
  settled(): Promise<void>;
}

/**
 * Opens the ring.
 *
 * @param onMissing called once for each key in the store that derives from none of the secrets
 * @throws {OperatorError} if a key that is in use derives from none of the secrets
 */
export async function openSigningKeyRing(
  store: Pick<Store, "signingKeys" | "storeId">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
  clock: Clock,
  masterSecrets: readonly Buffer[],
  onMissing: (number: number) => void,
): Promise<SigningKeyRing> {
  /** How many events made a reading necessary, and how many of them the last successful reading included. */
  let wanted = 0;
  let seen = 0;
  let lookedAt: Moment | undefined;
  /** The last look, while it is under way or if it failed. */
  let looking: Promise<void> | undefined;
  let reading: Promise<void> = Promise.resolve();
  /** A reading that hasn't begun. */
  let nextReading: Promise<void> | undefined;
  const reportedMissing = new Set<number>();

  // Before the reading, so that no event falls in between.
  feed.subscribe({
    onEvents(events) {
      if (events.some(changesSigningKeys)) markDue();
    },
    onReset: markDue,
  });
  let keys = await deriveAll();
  const [needed] = keys.missing;
  // An operator who starts a node can add the secret; a node that already serves goes on with the keys it has.
  if (needed !== undefined) throw masterSecretMismatch(needed, masterSecrets, await store.storeId());

  /** Two reads: if the store gets a new id and new keys between them, the fingerprints don't match, and no key derives. */
  async function deriveAll(): Promise<DerivedSigningKeys> {
    const [records, storeId] = await Promise.all([store.signingKeys.list(), store.storeId()]);
    return deriveSigningKeys(records, masterSecrets, storeId);
  }

  function markDue(): void {
    wanted++;
    reload().catch(() => undefined);
  }

  /**
   * A reading that is under way may have missed what the caller wants to see, so another one follows it. All callers that ask
   * before that one begins share it: a reading for each of them would pile up while the store is slow or hangs.
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
          if (!reportedMissing.has(number)) onMissing(number);
          reportedMissing.add(number);
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
      // Another such token that arrives meanwhile waits for the same look: "unknown" would be a wrong verdict.
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
    // Not the last reading, which may have failed long ago without any change to take in.
    settled: () => (seen < wanted ? reload() : Promise.resolve()),
  };
}

/** Does this event change the signing keys, or may it? */
export function changesSigningKeys({ event }: FeedEvent): boolean {
  return "signingKey" in event || event.action === "unknown";
}
