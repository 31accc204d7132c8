import { constants, createPublicKey, publicEncrypt } from "node:crypto";
import { bitLength } from "./numbers.ts";

/**
 * OpenSSL takes an exponent as long as the modulus up to this many bits of modulus (`OPENSSL_RSA_SMALL_MODULUS_BITS`), and 64 bits
 * above, to bound the time of a hostile key.
 */
const LONG_EXPONENT_MODULUS_BITS_MAX = 3072;

/**
 * Is the modulus a prime? Then its private exponent follows from the public numbers alone.
 *
 * It is one Fermat test to the base 2 (FIPS 186-5 appendix B.3 calls numbers that pass one probable primes): every odd prime passes,
 * so no prime is admitted. A composite number that passes is refused too. Of moduli with random primes, fewer than one in 2^500 does
 * (Damgård, Landrock, Pomerance 1993, for numbers of 2048 bits or more), and nobody needs one that was sought out.
 *
 * It takes as long for a prime as for a composite number, so nobody can send in a key that takes especially long.
 *
 * @param n odd, over 2
 */
export function isProbablePrime(n: bigint): boolean {
  return bitLength(n) <= LONG_EXPONENT_MODULUS_BITS_MAX ? isPowerOne(n) : isPowerTwo(n);
}

/** Is 2^(n-1) mod n = 1? OpenSSL computes it as a textbook RSA encryption of 2, four to five times as fast as our own integers. */
function isPowerOne(n: bigint): boolean {
  const modulus = bytesOf(n);
  const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: bytesOf(n - 1n).toString("base64url") };
  const base = Buffer.alloc(modulus.length);
  base[base.length - 1] = 2;
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const power = publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, base);
  return power.at(-1) === 1 && power.subarray(0, -1).every((byte) => byte === 0);
}

/** Is 2^n mod n = 2? For odd n, that is the same question. */
function isPowerTwo(n: bigint): boolean {
  // By squaring; a bit of the exponent doubles, which is cheaper than a multiplication.
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

function bytesOf(n: bigint): Buffer {
  const hex = n.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}
