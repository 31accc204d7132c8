import type { KeyId } from "./model.ts";
import type { KeyStore } from "./store.ts";
import type { KeyExaminer, RegisteredKey } from "./weakness/key-examiner.ts";

/** How many keys are read at once. */
const PAGE_KEYS = 1024;

/**
 * The bytes of keys that are compared with as many others at once: of keys of 2048 bits, that is a page. It bounds the memory (two
 * blocks and a product tree of one) and the time, which grows faster than the bytes. A block takes about a second, whatever the keys'
 * length, so that a step of the search stays far below the longest time that an examiner may take and that a job keeps its lease.
 */
export const BLOCK_BYTES = 307_200;

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
    const block = blockOf(await keys.listModuli(after, PAGE_KEYS));
    const last = block.at(-1);
    if (last === undefined) return found;
    for (const id of await examiner.findSharing(block, [])) found.add(id);
    for (let earlier = 0 as KeyId; earlier < after; ) {
      const others = blockOf((await keys.listModuli(earlier, PAGE_KEYS)).filter(({ id }) => id <= after));
      const lastOther = others.at(-1);
      if (lastOther === undefined) break;
      for (const id of await examiner.findSharing(block, others)) found.add(id);
      earlier = lastOther.id;
    }
    after = last.id;
  }
}

/** The first keys of a page that make up a block; one key at least. */
function blockOf(page: readonly RegisteredKey[]): readonly RegisteredKey[] {
  let bytes = 0;
  const end = page.findIndex(({ spki }) => (bytes += spki.length) > BLOCK_BYTES);
  return end === -1 ? page : page.slice(0, Math.max(1, end));
}
