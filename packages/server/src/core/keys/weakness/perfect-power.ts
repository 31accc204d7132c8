import { integerRoot } from "./integer-root.ts";
import { bitLength, primesBelow } from "./numbers.ts";
import { SMALL_FACTOR_BITS } from "./small-factor.ts";

/**
 * Is the modulus a power of a smaller number, such as the square of a prime? Then a root gives its factors.
 *
 * @param n without small factors: its roots have over {@link SMALL_FACTOR_BITS} bits, which bounds the degree
 */
export function isPerfectPower(n: bigint): boolean {
  const degreeMax = Math.floor(bitLength(n) / SMALL_FACTOR_BITS);
  return primesBelow(degreeMax + 1).some((degree) => integerRoot(n, degree) ** BigInt(degree) === n);
}
