import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { AssertionAlgorithm } from "@countersign/protocol";

/** RSASSA-PKCS1-v1_5 with the hash that each algorithm names (RFC 7518 §3.3). */
const DIGESTS = { RS256: "sha256", RS384: "sha384", RS512: "sha512" } as const satisfies Record<
  AssertionAlgorithm,
  string
>;

/** The signatures that an admissible key (2048 to 8192 bits) can make, in bytes. */
const SIGNATURE_BYTES_MIN = 256;
const SIGNATURE_BYTES_MAX = 1024;

/** A key that can be tried against a signature. */
export interface VerificationKey {
  /** Parsed once, when the key enters the view; parsing costs more than verifying. */
  readonly keyObject: KeyObject;
  /** Length of the modulus in bytes, which is the length of every signature by this key (RFC 8017 §8.2.2, step 1). */
  readonly signatureBytes: number;
}

/** The parts of an assertion that a signature check needs. */
export interface SignedText {
  readonly signingInput: string;
  readonly signature: Buffer;
}

/**
 * Finds the key that made the signature, trying `keys` in their order.
 *
 * One RSA operation for each key of the signature's length, and one against a decoy where there is none: an unknown user
 * costs what a known user with one wrong key costs. What is left (several keys, a signature above a modulus, which fails
 * early) the exchange's answer hides by its fixed time. The RSA work runs on libuv's threads and doesn't block the event
 * loop.
 */
export async function findSigningKey<Key extends VerificationKey>(
  signed: SignedText,
  algorithm: AssertionAlgorithm,
  keys: readonly Key[],
): Promise<Key | undefined> {
  const { signature } = signed;
  if (signature.length < SIGNATURE_BYTES_MIN || signature.length > SIGNATURE_BYTES_MAX) return undefined;
  const text = Buffer.from(signed.signingInput, "latin1");
  const digest = DIGESTS[algorithm];
  let tried = false;
  for (const key of keys) {
    if (key.signatureBytes !== signature.length) continue;
    tried = true;
    if (await verifyRsa(digest, text, key.keyObject, signature)) return key;
  }
  if (!tried) await verifyRsa(digest, text, decoyKey(signature.length), signature);
  return undefined;
}

function verifyRsa(digest: string, text: Buffer, keyObject: KeyObject, signature: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(digest, text, keyObject, signature, (error, verified) => {
      if (error) reject(error);
      else resolve(verified);
    });
  });
}

const decoyKeys = new Map<number, KeyObject>();

/**
 * A public key of the given length to which nobody has a private key. Its modulus is pseudo-random, odd and full-length, and
 * the exponent is 65537, so that a check against it takes as long as any other.
 */
function decoyKey(modulusBytes: number): KeyObject {
  let key = decoyKeys.get(modulusBytes);
  if (key === undefined) {
    const modulus = createHash("shake256", { outputLength: modulusBytes })
      .update(`countersign decoy ${modulusBytes}`)
      .digest();
    modulus[0] = (modulus[0] ?? 0) | 0x80;
    modulus[modulusBytes - 1] = (modulus[modulusBytes - 1] ?? 0) | 1;
    key = createPublicKey({ key: { kty: "RSA", n: modulus.toString("base64url"), e: "AQAB" }, format: "jwk" });
    decoyKeys.set(modulusBytes, key);
  }
  return key;
}
