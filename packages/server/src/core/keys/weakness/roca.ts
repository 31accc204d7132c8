import { gcdOf, primesBelow } from "./numbers.ts";

/** The generator of the flawed library's primes (Nemec, Sýs, Švenda, Klinec, Matyáš: "The Return of Coppersmith's Attack", 2017). */
const GENERATOR = 65_537;

/**
 * Primes over this play no part in the fingerprint: the library's smallest keys use the primes up to 167, larger keys use these and
 * more, so that this fingerprint finds keys of every length.
 */
const FINGERPRINT_PRIME_MAX = 167;

/** The powers of the generator modulo a prime. */
interface Subgroup {
  readonly prime: bigint;
  readonly order: number;
  /** Maps a power to its exponent modulo the order. */
  readonly exponents: ReadonlyMap<number, number>;
}

const SUBGROUPS: readonly Subgroup[] = primesBelow(FINGERPRINT_PRIME_MAX + 1)
  .filter((prime) => prime > 2)
  .map((prime) => {
    const exponents = new Map<number, number>();
    for (let power = 1; !exponents.has(power); power = (power * GENERATOR) % prime)
      exponents.set(power, exponents.size);
    return { prime: BigInt(prime), order: exponents.size, exponents };
  });

/**
 * Was the key made by the library with the ROCA flaw (CVE-2017-15361)? Its primes are powers of 65537 modulo the product M of the first
 * primes, so the modulus is one, too. It is looked for as one exponent that fits modulo every prime.
 *
 * Of all numbers without small factors, the powers of 65537 modulo M are a share of 2^-154: 65537 has an order of 2^61 in the group
 * of M's invertible remainders, which has over 2^215 members. So no other key is refused for it.
 *
 * @param n without small factors
 */
export function isRoca(n: bigint): boolean {
  const congruences: { readonly order: number; readonly exponent: number }[] = [];
  for (const { prime, order, exponents } of SUBGROUPS) {
    const exponent = exponents.get(Number(n % prime));
    if (exponent === undefined) return false;
    // Two exponents fit together if they agree modulo what their orders have in common (Chinese remainder theorem).
    if (!congruences.every((other) => (exponent - other.exponent) % gcdOf(order, other.order) === 0)) return false;
    congruences.push({ order, exponent });
  }
  return true;
}
