import { gcd, primesBelow, productOf } from "./numbers.ts";

/** Factors of at most this many bits are small. NIST SP 800-89 §5.3.3 asks for a check up to 752, which has 10. */
export const SMALL_FACTOR_BITS = 16;

let primorial: bigint | undefined;

/** Has the modulus a prime factor below 65,537, the first prime over {@link SMALL_FACTOR_BITS} bits? One gcd with the product of all of them decides. */
export function hasSmallFactor(n: bigint): boolean {
  primorial ??= productOf(primesBelow(2 ** SMALL_FACTOR_BITS).map(BigInt));
  return gcd(n, primorial % n) !== 1n;
}
