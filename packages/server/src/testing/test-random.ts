import type { Random } from "../core/surroundings.ts";

/** The nonce of the documented example token. */
export const EXAMPLE_NONCE = 968_668_528;

/** Deterministic randomness: integers count up from `first`, and bytes repeat the integers. */
export function createTestRandom(first = EXAMPLE_NONCE): Random {
  let next = first;
  const uint32 = () => next++ >>> 0;
  return {
    uint32,
    bytes: (length) => Buffer.alloc(length, uint32() & 0xff),
  };
}
