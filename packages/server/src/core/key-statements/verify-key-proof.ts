import { createPublicKey } from "node:crypto";
import { ISSUED_AT_SECONDS_MAX, KEY_PROOF_TYPE, SKEW_SECONDS_MAX } from "@countersign/protocol";
import { describe, own } from "../assertion/check-claims.ts";
import type { UnverifiedObject } from "../assertion/parse-jws.ts";
import { isSignedBy, verificationKey } from "../assertion/verify-signature.ts";
import type { ParsedKey } from "../keys/admission.ts";
import { type KeyProof, keyProofInvalid } from "../keys/possession.ts";
import { issuedAtMs, type KeyChallenges } from "./key-challenges.ts";
import { type KeyStatementKind, parseKeyStatement } from "./parse-key-statement.ts";

/** A proof of possession, as it came, and what it has to prove. */
export interface UnverifiedKeyProof {
  /** The compact JWS. */
  readonly text: string;
  /** The new key, which must have signed it. */
  readonly key: Pick<ParsedKey, "spki">;
  /** The API user that gets the key. */
  readonly username: string;
}

/** The URLs at which clients reach this service. */
export type PublicUrls = readonly [string, ...string[]];

export interface KeyProofContext {
  /** This service's public URL, with or without a trailing slash. The first is recommended where there are several. */
  readonly publicUrls: PublicUrls;
  readonly challenges: Pick<KeyChallenges, "check">;
  /** Seconds since the epoch, with fractions. */
  readonly nowSeconds: number;
}

const KEY_PROOF: KeyStatementKind = {
  name: "proof",
  typ: KEY_PROOF_TYPE,
  refusal: (_fault, message, hint) => keyProofInvalid(message, hint),
};

/**
 * Verifies a proof that the sender of a new public key holds its private key: a JWS by that key, with the claims `aud` (the public URL,
 * one string, with or without a trailing slash), `sub` (the username), `nonce` and `iat`. `exp` and `nbf` are optional and hold where
 * they are present, with a leeway of 60 s. Cheap checks come before the signature.
 *
 * `iat` may be up to 61 s before the nonce was handed out, and up to 61 s after now, inclusive. So a proof can be used as long as its
 * nonce, also if it is carried from one machine to another.
 *
 * The nonce isn't used up here, but when the key is added (`useKeyProof`).
 *
 * @throws {Refusal} `key_proof_invalid`; the message says what is wrong
 */
export async function verifyKeyProof(
  { text, key, username }: UnverifiedKeyProof,
  { publicUrls, challenges, nowSeconds }: KeyProofContext,
): Promise<KeyProof> {
  const proof = parseKeyStatement(text, KEY_PROOF);
  const claims = proof.unverifiedClaims;
  checkAudience(claims, publicUrls);
  checkSubject(claims, username);
  const challenge = findChallenge(claims, challenges);
  checkTimes(claims, nowSeconds, issuedAtMs(challenge.expiresAtMs) / 1000);
  const keyObject = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
  if (!(await isSignedBy(proof, proof.algorithm, verificationKey(keyObject)))) {
    throw keyProofInvalid(
      "The proof isn't signed by the new key.",
      "Sign it with the private key of the public key that you add, not with the user's current key.",
    );
  }
  return { challenge };
}

function checkAudience(claims: UnverifiedObject, publicUrls: PublicUrls): void {
  const bases = publicUrls.map(withoutSlash);
  const aud = own(claims, "aud");
  if (typeof aud === "string" && bases.includes(withoutSlash(aud))) return;
  const hint = `Set aud to this service's public URL, as one string: ${bases[0]}`;
  throw typeof aud === "string"
    ? keyProofInvalid("The proof's aud doesn't name this service.", hint)
    : keyProofInvalid(`The proof's aud is ${describe(aud)}; a string is needed.`, hint);
}

function withoutSlash(url: string): string {
  return url.replace(/\/$/, "");
}

function checkSubject(claims: UnverifiedObject, username: string): void {
  const sub = own(claims, "sub");
  if (sub === username) return;
  const hint = "Set sub to the name of the API user that gets the key, such as api-1-demo.";
  throw typeof sub === "string"
    ? keyProofInvalid("The proof's sub names another API user than the one that gets the key.", hint)
    : keyProofInvalid(`The proof's sub is ${describe(sub)}; a string is needed.`, hint);
}

function findChallenge(claims: UnverifiedObject, challenges: Pick<KeyChallenges, "check">): KeyProof["challenge"] {
  const nonce = own(claims, "nonce");
  const hint =
    "Get a new nonce from countersign key challenge or POST /api/auth/v0/key-challenges/, and sign a new proof.";
  if (typeof nonce !== "string") {
    throw keyProofInvalid(`The proof's nonce is ${describe(nonce)}; a string is needed.`, hint);
  }
  const checked = challenges.check(nonce);
  if (checked === "expired") throw keyProofInvalid("The proof's nonce has expired.", hint);
  if (checked === "unknown") throw keyProofInvalid("The proof's nonce wasn't handed out by this service.", hint);
  return checked;
}

/** @param issuedSeconds when the nonce was handed out */
function checkTimes(claims: UnverifiedObject, nowSeconds: number, issuedSeconds: number): void {
  const iat = numericDate(claims, "iat");
  const hint = `The server's time is ${nowSeconds.toFixed(3)}, in seconds since the epoch.`;
  if (iat === undefined) throw keyProofInvalid("The proof has no iat.", hint);
  if (iat < issuedSeconds - ISSUED_AT_SECONDS_MAX) {
    throw keyProofInvalid("The proof's iat is before its nonce was handed out.", hint);
  }
  if (iat > nowSeconds + ISSUED_AT_SECONDS_MAX) throw keyProofInvalid("The proof's iat is in the future.", hint);
  const notBefore = numericDate(claims, "nbf");
  if (notBefore !== undefined && notBefore > nowSeconds + SKEW_SECONDS_MAX) {
    throw keyProofInvalid("The proof's nbf is in the future.", hint);
  }
  const expires = numericDate(claims, "exp");
  if (expires !== undefined && expires + SKEW_SECONDS_MAX <= nowSeconds) {
    throw keyProofInvalid("The proof's exp has passed.", hint);
  }
}

function numericDate(claims: UnverifiedObject, name: "iat" | "nbf" | "exp"): number | undefined {
  const value = own(claims, name);
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw keyProofInvalid(
    `The proof's ${name} is ${describe(value)}; a number is needed.`,
    `${name} is a NumericDate (RFC 7519 §2): seconds since the epoch, as a JSON number.`,
  );
}
