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

/** How many keys are read from the store at once. */
const PAGE_KEYS = 500;

export function createAdmitKey(
  examiner: KeyExaminer,
  store: { readonly keys: Pick<KeyStore, "listModuli"> } & Pick<Store, "storeId" | "highestIds">,
): AdmitKey {
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

  return async (key, client) => {
    await learnOnce();
    const comparedThrough = examiner.learntThrough();
    const { weakness, sharesPrime } = await examiner.examine(key.modulus, client);
    if (weakness !== undefined) throw keyWeak(weakness);
    return { ...key, sharesPrime, comparedThrough } as AdmittedKey;
  };
}
