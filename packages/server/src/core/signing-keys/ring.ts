import { Refusal } from "../refusal.ts";
import type { FeedEvent, FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import { type Clock, elapsedMs, type Moment, momentOf } from "../surroundings.ts";
import { type DerivedSigningKeys, deriveSigningKeys, masterSecretMismatch, type SigningKeys } from "./signing-keys.ts";

/** How often unknown key numbers may cause a read of the store: at most once in this many milliseconds. */
const REREAD_MS_MIN = 1000;

/** The store's current signing keys, kept up to date by the change feed. */
export interface SigningKeyRing extends SigningKeys {
  /**
   * Ensures that the keys are current. Returns `undefined` if they are; otherwise reads the store, as for every decision while the
   * feed isn't fresh.
   *
   * @throws {Refusal} `unavailable` if the store can't be read
   */
  ready(): Promise<void> | undefined;
  /**
   * Reads the keys again because a token names an unknown one. Another node may have minted it under a key that this node doesn't
   * know yet, for example because this node was paused. `undefined` if the keys were read for that reason a moment ago.
   *
   * @throws {Refusal} `unavailable` if the store can't be read, or couldn't a moment ago
   */
  readUnknown(): Promise<void> | undefined;
  /** The numbers of the keys whose tokens can be checked. */
  numbers(): readonly number[];
  /**
   * Resolves when the ring includes every change that the feed has reported.
   *
   * @throws {Refusal} `unavailable` if that needs the store and it can't be read
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
  /** How many events required a read, and how many of them the last successful read includes. */
  let wanted = 0;
  let seen = 0;
  let rereadAt: Moment | undefined;
  /** The last read for an unknown key, while it is pending or if it failed. */
  let rereading: Promise<void> | undefined;
  let reading: Promise<void> = Promise.resolve();
  /** A read that hasn't begun. */
  let nextReading: Promise<void> | undefined;
  const reportedMissing = new Set<number>();

  // Subscribe before reading, so that no event is missed in between.
  feed.subscribe({
    onEvents(events) {
      if (events.some(changesSigningKeys)) markDue();
    },
    onReset: markDue,
  });
  let keys = await deriveAll();
  const [needed] = keys.missing;
  // At a start, an operator can add the missing secret. A node that already serves continues with the keys that it has.
  if (needed !== undefined) throw masterSecretMismatch(needed, masterSecrets, await store.storeId());

  /** The two reads aren't atomic. If the store gets a new id and keys in between, no fingerprint matches and the derivation fails. */
  async function deriveAll(): Promise<DerivedSigningKeys> {
    const [records, storeId] = await Promise.all([store.signingKeys.list(), store.storeId()]);
    return deriveSigningKeys(records, masterSecrets, storeId);
  }

  function markDue(): void {
    wanted++;
    reload().catch(() => undefined);
  }

  /**
   * Reads the keys. A pending read may miss what the caller needs to see, so another one follows it, shared by all callers until it
   * begins. A read for each caller would pile up while the store is slow or hangs.
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
    readUnknown() {
      // Another such token that arrives meanwhile waits for the same read: "unknown" could be a wrong verdict.
      if (rereadAt !== undefined && elapsedMs(clock, rereadAt) < REREAD_MS_MIN) return rereading;
      rereadAt = momentOf(clock);
      const read = reload();
      rereading = read;
      const forget = () => {
        if (rereading === read) rereading = undefined;
      };
      read.then(forget, () => undefined);
      return read;
    },
    numbers: () => keys.numbers,
    // The last read doesn't count: it may have failed long ago, although there was no change to read.
    settled: () => (seen < wanted ? reload() : Promise.resolve()),
  };
}

/** Does this event change the signing keys, or may it? */
export function changesSigningKeys({ event }: FeedEvent): boolean {
  return "signingKey" in event || event.action === "unknown";
}
