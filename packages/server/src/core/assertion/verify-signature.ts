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

/**
 * The maximum number of RSA operations for one assertion, and the exact number for one that no key verifies. The cost of an anonymous
 * request must not grow with the number of a user's keys, nor reveal that number by its time.
 */
export const SIGNATURE_CHECKS_MAX = 2;

/** A key that can be tried against a signature. */
export interface VerificationKey {
  /** Parsed once, when the key enters the view; parsing costs more than verifying. */
  readonly keyObject: KeyObject;
  /** Big-endian, without leading zeros. Every signature by this key has this length (RFC 8017 §8.2.2, step 1). */
  readonly modulus: Buffer;
}

/** Prepares an RSA key for signature checks. */
export function verificationKey(keyObject: KeyObject): VerificationKey {
  return { keyObject, modulus: Buffer.from(keyObject.export({ format: "jwk" }).n ?? "", "base64url") };
}

/** The parts of an assertion that a signature check needs. */
export interface SignedText {
  readonly signingInput: string;
  readonly signature: Buffer;
}

/**
 * Finds the key that made the signature. Tries `keys` in order, at most {@link SIGNATURE_CHECKS_MAX} of those that can have made it.
 *
 * If none did, exactly that many RSA operations have taken place, because decoys replace missing keys: an unknown user, a user with a
 * wrong key and a user with twenty keys cost the same. OpenSSL refuses a signature that isn't less than the modulus without any
 * arithmetic (RFC 8017 §5.2.2, step 1), so a decoy replaces such a key too. The RSA work runs on libuv's threads and doesn't block the
 * event loop.
 */
export async function findSigningKey<Key extends VerificationKey>(
  signed: SignedText,
  algorithm: AssertionAlgorithm,
  keys: readonly Key[],
): Promise<Key | undefined> {
  const { signature } = signed;
  if (!canBeSignature(signature)) return undefined;
  const text = Buffer.from(signed.signingInput, "latin1");
  const digest = DIGESTS[algorithm];
  let checks = 0;
  for (const key of keys) {
    if (checks === SIGNATURE_CHECKS_MAX) break;
    if (key.modulus.length !== signature.length || key.modulus.compare(signature) <= 0) continue;
    checks++;
    if (await verifyRsa(digest, text, key.keyObject, signature)) return key;
  }
  for (; checks < SIGNATURE_CHECKS_MAX; checks++) {
    await verifyRsa(digest, text, decoyKey(signature.length), signature);
  }
  return undefined;
}

/** Did this key make the signature? Costs one RSA operation, or none if the lengths differ. */
export async function isSignedBy(
  { signingInput, signature }: SignedText,
  algorithm: AssertionAlgorithm,
  { keyObject, modulus }: VerificationKey,
): Promise<boolean> {
  if (modulus.length !== signature.length) return false;
  return verifyRsa(DIGESTS[algorithm], Buffer.from(signingInput, "latin1"), keyObject, signature);
}

/** Can an admissible key's signature have this length? Otherwise neither keys nor decoys are tried. */
export function canBeSignature({ length }: Buffer): boolean {
  return length >= SIGNATURE_BYTES_MIN && length <= SIGNATURE_BYTES_MAX;
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

/** How many leading bytes of a decoy's modulus have all bits set, so that practically every signature is less than the modulus. */
const DECOY_ONES_BYTES = 16;

/**
 * A public key of the given length without a private key. Its modulus is pseudo-random, odd and nearly the largest of its length, and
 * the exponent is 65537, so that a check against it takes as long as a check against nearly any key.
 */
function decoyKey(modulusBytes: number): KeyObject {
  let key = decoyKeys.get(modulusBytes);
  if (key === undefined) {
    const modulus = createHash("shake256", { outputLength: modulusBytes })
      .update(`countersign decoy ${modulusBytes}`)
      .digest();
    modulus.fill(0xff, 0, DECOY_ONES_BYTES);
    modulus[modulusBytes - 1] = (modulus[modulusBytes - 1] ?? 0) | 1;
    key = createPublicKey({ key: { kty: "RSA", n: modulus.toString("base64url"), e: "AQAB" }, format: "jwk" });
    decoyKeys.set(modulusBytes, key);
  }
  return key;
}
