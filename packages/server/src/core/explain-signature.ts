import { constants, createHmac, type KeyObject, timingSafeEqual, verify, type VerifyKeyObjectInput } from "node:crypto";
import type { AssertionAlgorithm } from "@countersign/protocol";
import type { UnverifiedAssertion } from "./assertion/parse-assertion.ts";
import { isSignedBy, SIGNATURE_CHECKS_MAX } from "./assertion/verify-signature.ts";
import { sshFingerprint } from "./keys/admission.ts";
import type { ViewKey, ViewUser } from "./view/view-user.ts";

/** A possible cause, and perhaps what to do about it. */
type Cause = readonly [detail: string, hint?: string];

/**
 * Finds why the signature doesn't verify, by trying common mistakes of clients. The exchange accepts none of them. The RSA work
 * runs on libuv's threads, one operation after the other.
 */
export async function signatureCauses(
  assertion: UnverifiedAssertion,
  algorithm: AssertionAlgorithm | undefined,
  user: ViewUser,
): Promise<readonly Cause[]> {
  const causes: Cause[] = [];
  for (const key of user.keys) {
    if (isHmacOfPem(assertion, key.keyObject)) {
      causes.push([
        `It is an HMAC with the PEM text of key ${key.id} as its secret: sign with the private key and RS256.`,
      ]);
    }
    if (key.modulus.length !== assertion.signature.length) continue;
    if (algorithm !== undefined && (await isSignedBy(assertion, algorithm, key))) {
      causes.push([
        `The signature is by ${describeKey(key)}, which isn't tried.`,
        `Put "kid":"${key.id}" into the assertion's header, or deactivate a key of this length that is no longer needed: ` +
          `without kid, only the ${SIGNATURE_CHECKS_MAX} most recently added are tried.`,
      ]);
      continue;
    }
    const made = await otherAlgorithmOf(assertion, key);
    if (made !== undefined) {
      causes.push([`The signature is by key ${key.id}, but its algorithm is ${made}, not the header's alg.`]);
    }
  }
  if (causes.length === 0) {
    causes.push([
      "Most likely the client signs with another private key: compare fingerprints (ssh-keygen -l -E sha256 -f on the public key), " +
        "or add its public key with countersign key add.",
    ]);
  }
  return causes;
}

function isHmacOfPem({ signingInput, signature, unverifiedHeader }: UnverifiedAssertion, key: KeyObject): boolean {
  const { alg } = unverifiedHeader;
  const bits = typeof alg === "string" ? /^HS(256|384|512)$/.exec(alg)?.[1] : undefined;
  if (bits === undefined) return false;
  const pems = [key.export({ format: "pem", type: "spki" }), key.export({ format: "pem", type: "pkcs1" })].map(String);
  return pems
    .flatMap((pem) => [pem, pem.trimEnd()])
    .some((secret) => {
      const mac = createHmac(`sha${bits}`, secret).update(signingInput).digest();
      return mac.length === signature.length && timingSafeEqual(mac, signature);
    });
}

/** The algorithm with which the key made the signature, if it isn't the header's; `undefined` if none fits. */
async function otherAlgorithmOf(
  { signingInput, signature, unverifiedHeader }: UnverifiedAssertion,
  { keyObject }: ViewKey,
): Promise<string | undefined> {
  const text = Buffer.from(signingInput, "latin1");
  const pss = {
    key: keyObject,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_AUTO,
  };
  for (const bits of ["256", "384", "512"]) {
    const name = `RS${bits}`;
    if (name !== unverifiedHeader["alg"] && (await verifyAsync(`sha${bits}`, text, keyObject, signature))) return name;
    if (await verifyAsync(`sha${bits}`, text, pss, signature)) return `PS${bits}`;
  }
  return undefined;
}

function verifyAsync(digest: string, text: Buffer, key: KeyObject | VerifyKeyObjectInput, signature: Buffer) {
  return new Promise<boolean>((resolve, reject) => {
    verify(digest, text, key, signature, (error, verified) => {
      if (error) reject(error);
      else resolve(verified);
    });
  });
}

/** A key's description, such as `key 3, SHA256:…, active`. */
export function describeKey({ id, keyObject, status }: ViewKey): string {
  return `key ${id}, ${sshFingerprint(keyObject)}, ${status}`;
}
