/**
 * Why a public key is refused with `key_weak`. The list is closed: the names are public, stable and documented (docs/keys.md). A key
 * with several weaknesses is refused with the first that is found. The order is this one, except that `revoked` comes before
 * `duplicate`, and both come before `shared_prime`.
 */
export const WEAKNESSES = [
  "size",
  "exponent",
  "small_factor",
  "prime",
  "perfect_power",
  "close_primes",
  "roca",
  "pattern",
  "published",
  "shared_prime",
  "duplicate",
  "revoked",
] as const;
export type Weakness = (typeof WEAKNESSES)[number];
