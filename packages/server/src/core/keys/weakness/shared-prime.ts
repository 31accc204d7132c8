import { findSharingAmong } from "./batch-gcd.ts";
import { gcd, productOf } from "./numbers.ts";

/** How many moduli are multiplied into one product at first, and at most. */
const CHUNK_MODULI = 64;
const CHUNK_MODULI_MAX = 4096;

/** Products of moduli, against which other moduli are tested for a common prime. */
export interface Products {
  add(modulus: bigint): void;
  clear(): void;
  /** Has `n` a common factor with any of the moduli? True also if it is one of them. */
  sharesPrime(n: bigint): boolean;
  /**
   * Which of these have a common factor with any of the moduli, or with another one of these? For hundreds it takes a small part of
   * the time of one after the other.
   *
   * @param moduli no two are equal
   * @returns one answer for each of them
   */
  findSharing(moduli: readonly bigint[]): readonly boolean[];
}

interface Chunk {
  readonly product: bigint;
  readonly moduli: number;
}

/** @param moduliMax the newest of this number are always kept; older ones are dropped a chunk at a time */
export function createProducts(moduliMax: number): Products {
  /** Oldest first. Two neighbours of the same length become one, so that there are few of them. */
  let chunks: Chunk[] = [];
  let open: bigint[] = [];

  function close(): void {
    let chunk: Chunk = { product: productOf(open), moduli: open.length };
    open = [];
    for (let before = chunks.at(-1); before?.moduli === chunk.moduli; before = chunks.at(-1)) {
      if (chunk.moduli >= CHUNK_MODULI_MAX) break;
      chunks.pop();
      chunk = { product: before.product * chunk.product, moduli: 2 * chunk.moduli };
    }
    chunks.push(chunk);
    const kept = chunks.slice(1).reduce((total, { moduli }) => total + moduli, 0);
    if (kept >= moduliMax) chunks.shift();
  }

  function all(): readonly bigint[] {
    return [...chunks.map(({ product }) => product), productOf(open)];
  }

  return {
    add(modulus) {
      open.push(modulus);
      if (open.length === CHUNK_MODULI) close();
    },
    clear() {
      chunks = [];
      open = [];
    },
    sharesPrime: (n) => hasCommonFactor(n, all()),
    findSharing: (moduli) => findSharingAmong(moduli, all()),
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
