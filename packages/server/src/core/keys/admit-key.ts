import type { Refusal } from "../refusal.ts";
import type { ParsedKey } from "./admission.ts";
import { keyWeak } from "./key-weak.ts";
import type { KeyId } from "./model.ts";
import type { Store } from "../store/store.ts";
import type { KeyStore } from "./store.ts";
import { COMPARED_KEYS_MAX, type KeyExaminer } from "./weakness/key-examiner.ts";

declare const ADMITTED: unique symbol;

/** A public key that has passed the examination. Only {@link AdmitKey} makes one, so that no key is added unexamined. */
export interface AdmittedKey extends ParsedKey {
  readonly [ADMITTED]: true;
  /** Has it a common factor with a registered key, or even the same modulus? The transaction that adds it tells which. */
  readonly sharesPrime: boolean;
  /** The newest registered key that it was compared with, 0 if none. The transaction compares it with later ones. */
  readonly comparedThrough: KeyId;
}

/**
 * Examines a key for every weakness that no concurrent change can cause. Every way by which a key comes in calls it, before the
 * transaction, because it takes up to a quarter of a second. `addKey` then decides on `revoked`, `duplicate` and `shared_prime`.
 *
 * @param client who adds it, such as a username or an author's name: if examinations have to wait, clients take turns
 * @throws {Refusal} `key_weak`; `unavailable` if the key can't be examined now: no key is admitted unexamined
 */
export type AdmitKey = (key: ParsedKey, client: string) => Promise<AdmittedKey>;

/**
 * Examines many keys, with the same result for each as {@link AdmitKey}; keys that share a prime among each other are all refused. What
 * each modulus says by itself is examined from now on. The function that it returns compares the keys with each other and with the
 * registered keys of that moment, so whoever adds thousands of keys can begin to examine the next ones before these are committed.
 *
 * @param keys at most {@link ADMITTED_BYTES_MAX} bytes of moduli; the same modulus may occur twice
 * @returns results in the order of the keys. The promise rejects with `unavailable` if the keys can't be examined now
 */
export type AdmitKeys = (
  keys: readonly ParsedKey[],
  client: string,
) => () => Promise<readonly (AdmittedKey | Refusal)[]>;

/** The most bytes of moduli that are compared at once, 2,048 keys of 2048 bits: it takes two to three seconds. */
export const ADMITTED_BYTES_MAX = 524_288;

/** How many keys are read from the store at once. */
const PAGE_KEYS = 500;

type KeySource = { readonly keys: Pick<KeyStore, "listModuli"> } & Pick<Store, "storeId" | "highestIds">;

export function createAdmitKey(examiner: KeyExaminer, store: KeySource): AdmitKey {
  return createKeyGate(examiner, store).admitKey;
}

/** Both ways to examine keys, with one examiner. */
export function createKeyGate(
  examiner: KeyExaminer,
  store: KeySource,
): { readonly admitKey: AdmitKey; readonly admitKeys: AdmitKeys } {
  let learning: Promise<void> = Promise.resolve();
  /** Begins when `learning` has ended. Keys that come in until then share it. */
  let nextLearning: Promise<void> | undefined;
  let storeId: string | undefined;

  /** Gives the examiner the keys that were added since it last learnt. */
  async function learn(): Promise<void> {
    const id = await store.storeId();
    const newest = (await store.highestIds()).keys;
    // A store that was restored has lost keys that the examiner may know.
    if ((storeId !== undefined && id !== storeId) || newest < examiner.learntThrough()) await examiner.forget();
    storeId = id;
    let after = Math.max(examiner.learntThrough(), newest - COMPARED_KEYS_MAX) as KeyId;
    while (after < newest) {
      const page = await store.keys.listModuli(after, PAGE_KEYS);
      const last = page.at(-1);
      if (last === undefined) return;
      await examiner.learn(page);
      after = last.id;
    }
  }

  /**
   * Learns in a run that begins after the call. Runs come one after the other, so that no key is learnt twice, and a client with a
   * thousand waiting keys delays another's by one run, not by a thousand.
   */
  function learnOnce(): Promise<void> {
    if (nextLearning !== undefined) return nextLearning;
    const run = learning
      // A run that failed was the failure of its own callers only.
      .catch(() => undefined)
      .then(() => {
        learning = run;
        nextLearning = undefined;
        return learn();
      });
    nextLearning = run;
    return run;
  }

  return {
    async admitKey(key, client) {
      await learnOnce();
      const comparedThrough = examiner.learntThrough();
      const { weakness, sharesPrime } = await examiner.examine(key.modulus, client);
      if (weakness !== undefined) throw keyWeak(weakness);
      return { ...key, sharesPrime, comparedThrough } as AdmittedKey;
    },

    admitKeys(keys, client) {
      // Each modulus once: two equal ones would seem to share a prime.
      const moduli = new Map(keys.map(({ modulusHash, modulus }) => [modulusHash, modulus]));
      const examination = examiner.findWeaknesses([...moduli.values()], client);
      // Its failure is reported when the result is asked for.
      examination.catch(() => undefined);
      return async () => {
        await learnOnce();
        const comparedThrough = examiner.learntThrough();
        const comparison = examiner.compare([...moduli.values()], client);
        const [weaknesses, sharing] = await Promise.all([examination, comparison]);
        const places = new Map([...moduli.keys()].map((hash, place) => [hash, place]));
        return keys.map((key) => {
          const place = places.get(key.modulusHash) ?? -1;
          const weakness = weaknesses[place];
          if (weakness !== undefined) return keyWeak(weakness);
          return { ...key, sharesPrime: sharing[place] !== false, comparedThrough } as AdmittedKey;
        });
      };
    },
  };
}
