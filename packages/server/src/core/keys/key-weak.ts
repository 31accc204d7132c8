import type { Weakness } from "@countersign/protocol";
import { Refusal } from "../refusal.ts";

/** What each weakness means, as the middle of a sentence about the key. `size` and `exponent` have texts with numbers. */
const PROBLEMS = {
  published: "its private half is published: it is the key of an example, a test suite or a blocklist",
  pattern: "its modulus follows a pattern, so it wasn't made from random primes",
  small_factor: "its modulus has a small factor, so it isn't a real RSA key",
  perfect_power: "its modulus is a power of a smaller number, which anybody can compute",
  prime: "its modulus is a prime, so anybody can compute its private half",
  close_primes: "its primes are so close to each other that anybody can compute them",
  roca: "it was made by a library with the ROCA flaw (CVE-2017-15361), so its private half can be computed",
  revoked: "a key with its modulus was revoked, and a revoked key is never accepted again",
  duplicate: "a key with its modulus is registered already",
  shared_prime: "it shares a prime with another registered key, so anybody can compute both private halves",
} as const satisfies Record<Exclude<Weakness, "size" | "exponent">, string>;

/**
 * The refusal of a weak key, `key_weak`, with the weakness in its detail.
 *
 * @param problem what is wrong with the key, as the middle of a sentence; the weakness's own text by default
 */
export function keyWeak(weakness: keyof typeof PROBLEMS): Refusal;
export function keyWeak(weakness: Weakness, problem: string): Refusal;
export function keyWeak(weakness: Weakness, problem?: string): Refusal {
  const text = problem ?? PROBLEMS[weakness as keyof typeof PROBLEMS];
  const message = `The key is refused: ${text}.`;
  return new Refusal("key_weak", message, { weakness, fields: [{ field: "/public_key", message }] });
}
