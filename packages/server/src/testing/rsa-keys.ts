import { generateKeyPairSync, type KeyObject } from "node:crypto";

/** A real RSA key pair with the forms that tests need. */
export interface TestKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** SPKI, PEM. */
  readonly publicPem: string;
  /** PKCS#8, PEM. */
  readonly privatePem: string;
}

const pairs = new Map<string, TestKeyPair>();

/**
 * An RSA key pair, made once in each test process: generating is slow. Another name gives another pair.
 *
 * @param name any name, such as "alice"
 */
export function rsaKeyPair(name: string, bits = 2048): TestKeyPair {
  const cached = pairs.get(`${name} ${bits}`);
  if (cached !== undefined) return cached;
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const pair = {
    publicKey,
    privateKey,
    publicPem: publicKey.export({ format: "pem", type: "spki" }),
    privatePem: privateKey.export({ format: "pem", type: "pkcs8" }),
  };
  pairs.set(`${name} ${bits}`, pair);
  return pair;
}

/** A modulus of exactly `bits` bits without a prime factor below 752. Nobody knows its factors, and it costs no generating. */
export function madeUpModulus(bits: number): Buffer {
  const product = smallPrimes(752).reduce((all, prime) => all * BigInt(prime), 1n);
  let modulus = (1n << BigInt(bits - 1)) + 12_345n;
  for (;;) {
    if (coprime(modulus, product)) break;
    modulus++;
  }
  const hex = modulus.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function coprime(a: bigint, b: bigint): boolean {
  let [x, y] = [b, a % b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 1n;
}

function smallPrimes(limit: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
