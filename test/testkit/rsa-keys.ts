import { generateKeyPairSync, type KeyObject } from "node:crypto";

/** A real RSA key pair with the forms that tests need. */
export interface RsaKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** SPKI, PEM. */
  readonly publicPem: string;
  /** PKCS#8, PEM. */
  readonly privatePem: string;
}

/** A new RSA key pair. */
export function makeKeyPair(bits = 2048): RsaKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  return {
    publicKey,
    privateKey,
    publicPem: publicKey.export({ format: "pem", type: "spki" }),
    privatePem: privateKey.export({ format: "pem", type: "pkcs8" }),
  };
}

const pairs = new Map<string, RsaKeyPair>();

/**
 * An RSA key pair, made once in each test process: generating is slow. Another name gives another pair.
 *
 * @param name any name, such as "alice"
 */
export function rsaKeyPair(name: string, bits = 2048): RsaKeyPair {
  const cached = pairs.get(`${name} ${bits}`) ?? makeKeyPair(bits);
  pairs.set(`${name} ${bits}`, cached);
  return cached;
}
