import { gcd, primesBelow, productOf } from "./numbers.ts";

/** Primes below this are small factors: with them NIST SP 800-89 §5.3.3's check of a modulus is exhaustive up to 16 bits. */
const SMALL_FACTOR_MAX = 65_537;

let primorial: bigint | undefined;

/** Has the modulus a prime factor below 65,537? One gcd with the product of all of them decides. */
export function hasSmallFactor(n: bigint): boolean {
  primorial ??= productOf(primesBelow(SMALL_FACTOR_MAX).map(BigInt));
  return gcd(n, primorial % n) !== 1n;
}
