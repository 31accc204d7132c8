import { constants, createHmac, type KeyObject, timingSafeEqual, verify, type VerifyKeyObjectInput } from "node:crypto";
import type { AssertionAlgorithm } from "@countersign/protocol";
import type { UnverifiedAssertion } from "./assertion/parse-assertion.ts";
import { isSignedBy, SIGNATURE_CHECKS_MAX } from "./assertion/verify-signature.ts";
import { sshFingerprint } from "./keys/admission.ts";
import type { ViewKey, ViewUser } from "./view/view-user.ts";

/** A fact that decides nothing, and perhaps what to do about it. */
type Cause = readonly [detail: string, hint?: string];

/**
 * Why the signature doesn't verify: what it would verify as. The exchange never accepts any of this; it only names the mistake. The
 * RSA work runs on libuv's threads, one operation after the other.
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
        `Put "kid":"${key.id}" into the assertion's header, or deactivate a key of this length that isn't needed any more: ` +
          `without kid, the ${SIGNATURE_CHECKS_MAX} that were added last are tried.`,
      ]);
      continue;
    }
    const made = await otherAlgorithmOf(assertion, key);
    if (made !== undefined) {
      causes.push([`The signature is by key ${key.id}, but as ${made}, not as the header's alg says.`]);
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

/** As what the key made the signature, where that isn't what the header says. */
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

/** `key 3, SHA256:…, active`. */
export function describeKey({ id, keyObject, status }: ViewKey): string {
  return `key ${id}, ${sshFingerprint(keyObject)}, ${status}`;
}
