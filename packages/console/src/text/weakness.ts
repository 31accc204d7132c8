import type { Weakness } from "@countersign/protocol";

/** A weakness in words: a label for a badge, and what it means. */
export interface WeaknessText {
  readonly label: string;
  /** Full sentences. They end with what to do. */
  readonly about: string;
}

const REPLACE = "Make a new key pair, add its public key, and revoke this one.";

const TEXTS = {
  size: {
    label: "wrong size",
    about: `The key has to have between 2048 and 8192 bits. ${REPLACE}`,
  },
  exponent: {
    label: "weak exponent",
    about: `The public exponent has to be odd, and between 65537 and 4294967295. ${REPLACE}`,
  },
  published: {
    label: "published key",
    about: `The private key is public: it was printed in a standard, in documentation or in a test suite, or it leaked. Anybody can sign with it. ${REPLACE}`,
  },
  pattern: {
    label: "regular modulus",
    about: `The modulus has long runs or repeated blocks, which no sound generator makes. ${REPLACE}`,
  },
  small_factor: {
    label: "small factor",
    about: `The modulus is divisible by a small number, so anybody can compute the private key. It is damaged or was made on purpose. ${REPLACE}`,
  },
  perfect_power: {
    label: "perfect power",
    about: `The modulus is a power of another number, so anybody can compute the private key. ${REPLACE}`,
  },
  prime: {
    label: "prime modulus",
    about: `The modulus is a prime and not a product of two, so anybody can compute the private key. ${REPLACE}`,
  },
  close_primes: {
    label: "close primes",
    about: `The two primes are so close to each other that anybody can compute them. Update the program that made the key first. ${REPLACE}`,
  },
  roca: {
    label: "ROCA",
    about: `The key was made by a chip or smart card with a faulty generator (ROCA, CVE-2017-15361), and its private key can be computed. Make the new key pair outside that device, add its public key, and revoke this one.`,
  },
  revoked: {
    label: "was revoked",
    about: `A key with this modulus was revoked for good, under whatever exponent. ${REPLACE}`,
  },
  duplicate: {
    label: "shared key",
    about: `A key with this modulus is registered already, so two clients would share a private key. Each client needs a key pair of its own. ${REPLACE}`,
  },
  shared_prime: {
    label: "shared prime",
    about: `Another registered key has a prime in common with it, so anybody who has both public keys can compute the private ones. The machine that made it lacked randomness: make the new key pair on another one, add its public key, and revoke this one.`,
  },
} as const satisfies Record<Weakness, WeaknessText>;

/** A weakness in words. One of a newer server has only its name. */
export function weaknessText(weakness: string): WeaknessText {
  const known: Readonly<Record<string, WeaknessText>> = TEXTS;
  return Object.hasOwn(known, weakness) && known[weakness] !== undefined
    ? known[weakness]
    : { label: weakness.replaceAll("_", " "), about: REPLACE };
}
