import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BLOCK_BYTES, findSharedPrimes } from "./find-shared-primes.ts";
import type { KeyId } from "./model.ts";
import type { RegisteredKey } from "./weakness/key-examiner.ts";

/** The bytes of a SubjectPublicKeyInfo of a key of this many bits, about. */
const SPKI_BYTES = { 2048: 294, 8192: 1062 } as const;

const bytesOf = (keys: readonly RegisteredKey[]) => keys.reduce((sum, { spki }) => sum + spki.length, 0);

/** Searches a registry of made-up keys and returns what was compared. */
async function compared(count: number, bytes: number) {
  const registered = Array.from({ length: count }, (_, index) => ({
    id: (index + 1) as KeyId,
    spki: Buffer.alloc(bytes),
  }));
  const blocks: (readonly RegisteredKey[])[] = [];
  const pairs = new Set<number>();
  await findSharedPrimes(
    {
      findSharing(keys, others) {
        blocks.push(keys, others);
        for (const { id } of keys) {
          for (const other of others.length === 0 ? keys : others)
            if (other.id < id) pairs.add(id * (count + 1) + other.id);
        }
        return Promise.resolve([]);
      },
    },
    { listModuli: (after, limit) => Promise.resolve(registered.slice(after, after + limit)) },
  );
  return { blocks, pairs: pairs.size };
}

describe("the search for shared primes", () => {
  for (const bits of [2048, 8192] as const) {
    test(`compares all pairs of keys of ${bits} bits, in blocks whose time is bounded`, async () => {
      const count = 1100;
      const { blocks, pairs } = await compared(count, SPKI_BYTES[bits]);
      assert.equal(pairs, (count * (count - 1)) / 2);
      for (const block of blocks) assert.ok(bytesOf(block) <= BLOCK_BYTES, `${bytesOf(block)} bytes`);
    });
  }

  test("compares keys that are longer than a block one by one", async () => {
    const { pairs } = await compared(5, BLOCK_BYTES + 1);
    assert.equal(pairs, 10);
  });
});
