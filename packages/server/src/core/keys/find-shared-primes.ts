import type { KeyId } from "./model.ts";
import type { KeyStore } from "./store.ts";
import type { KeyExaminer } from "./weakness/key-examiner.ts";

/** How many keys are compared with as many others at once. It bounds the memory: two blocks and a product tree of one. */
const BLOCK_KEYS = 1024;

/**
 * Finds the registered keys, of all users and in every status, that share a prime with another registered key of a different
 * modulus. It compares all pairs of blocks, so its time grows with the square of the number of keys; docs/keys.md has figures.
 *
 * The daily audit of the stored keys calls it, with an examiner of its own, so that no new key waits for it.
 *
 * @param afterId compares only pairs with at least one key after this id; 0 for all. A key with a smaller id is found, too, if it
 *   shares a prime with such a key
 * @throws {Refusal} `unavailable` if the examiner fails
 */
export async function findSharedPrimes(
  examiner: Pick<KeyExaminer, "findSharing">,
  keys: Pick<KeyStore, "listModuli">,
  afterId = 0 as KeyId,
): Promise<ReadonlySet<KeyId>> {
  const found = new Set<KeyId>();
  for (let after = afterId; ; ) {
    const block = await keys.listModuli(after, BLOCK_KEYS);
    const last = block.at(-1);
    if (last === undefined) return found;
    for (const id of await examiner.findSharing(block, [])) found.add(id);
    for (let earlier = 0 as KeyId; earlier < after; ) {
      const others = (await keys.listModuli(earlier, BLOCK_KEYS)).filter(({ id }) => id <= after);
      const lastOther = others.at(-1);
      if (lastOther === undefined) break;
      for (const id of await examiner.findSharing(block, others)) found.add(id);
      earlier = lastOther.id;
    }
    after = last.id;
  }
}
