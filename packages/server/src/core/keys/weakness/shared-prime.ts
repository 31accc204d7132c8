import { gcd, productOf } from "./numbers.ts";

/** How many moduli are multiplied into one product. */
const CHUNK_MODULI = 64;

/** Products of moduli, against which another modulus is tested for a common prime. */
export interface Products {
  add(modulus: bigint): void;
  clear(): void;
  /** Has `n` a common factor with any of the moduli? True also if it is one of them. */
  sharesPrime(n: bigint): boolean;
}

/** @param moduliMax how many are kept at most; the oldest are dropped first, a chunk at a time */
export function createProducts(moduliMax: number): Products {
  let chunks: bigint[] = [];
  let open: bigint[] = [];
  return {
    add(modulus) {
      open.push(modulus);
      if (open.length < CHUNK_MODULI) return;
      chunks.push(productOf(open));
      open = [];
      if (chunks.length * CHUNK_MODULI > moduliMax) chunks.shift();
    },
    clear() {
      chunks = [];
      open = [];
    },
    sharesPrime: (n) => hasCommonFactor(n, [...chunks, productOf(open)]),
  };
}

/**
 * Has `n` a common factor with any of the numbers? Each number is reduced and multiplied into one remainder, so that one gcd decides
 * for all of them.
 */
export function hasCommonFactor(n: bigint, numbers: readonly bigint[]): boolean {
  let remainder = 1n;
  for (const number of numbers) remainder = (remainder * (number % n)) % n;
  return gcd(n, remainder) !== 1n;
}
