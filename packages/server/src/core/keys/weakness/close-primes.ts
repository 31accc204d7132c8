import { integerRoot } from "./integer-root.ts";

/** How many steps Fermat's method is given, as in badkeys: keys that were broken in practice take one to twenty. */
export const FERMAT_ROUNDS = 100;

/**
 * Are two factors of the modulus so close to each other that Fermat's method finds them (CVE-2022-26320)? It looks for a `mean` whose
 * square exceeds `n` by a square, from the square root upwards.
 *
 * @param n odd, and not a square
 */
export function hasCloseFactors(n: bigint): boolean {
  let mean = integerRoot(n, 2) + 1n;
  let rest = mean * mean - n;
  for (let round = 0; round < FERMAT_ROUNDS; round++) {
    if (isSquare(rest)) return true;
    rest += 2n * mean + 1n;
    mean += 1n;
  }
  return false;
}

/** Which remainders modulo 64 a square can have: 12 of them. */
const SQUARES_MODULO_64 = new Set(Array.from({ length: 64 }, (_, root) => (root * root) % 64));

function isSquare(n: bigint): boolean {
  if (!SQUARES_MODULO_64.has(Number(BigInt.asUintN(6, n)))) return false;
  return n === 0n || integerRoot(n, 2) ** 2n === n;
}
