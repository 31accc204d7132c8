/**
 * Is the modulus a prime? Then its private exponent follows from the public numbers alone.
 *
 * It is one Fermat test to the base 2 (FIPS 186-5 appendix B.3 calls numbers that pass one probable primes): every odd prime passes,
 * so no prime is admitted. A composite number that passes is refused too. Of moduli with random primes, fewer than one in 2^500 does
 * (Damgård, Landrock, Pomerance 1993, for numbers of 2048 bits or more), and nobody needs one that was sought out.
 *
 * @param n odd, over 2
 */
export function isProbablePrime(n: bigint): boolean {
  // 2^n mod n by squaring; a bit of the exponent doubles, which is cheaper than a multiplication.
  let power = 1n;
  for (const bit of n.toString(2)) {
    power = (power * power) % n;
    if (bit === "1") {
      power <<= 1n;
      if (power >= n) power -= n;
    }
  }
  return power === 2n;
}
