import { type KeyObject, sign } from "node:crypto";
import { KEY_PROOF_TYPE } from "@countersign/protocol";
import type { KeyChallenge } from "./key-challenges.ts";

/**
 * The text that a new key signs with RS256 to prove that its sender holds it: header and claims in base64url, joined by a dot. With a
 * dot and the signature in base64url behind it, it is the proof.
 *
 * @param publicUrl the service's, with or without a trailing slash
 */
export function keyProofSigningInput(
  { nonce, issuedAtMs }: Pick<KeyChallenge, "nonce" | "issuedAtMs">,
  username: string,
  publicUrl: string,
): string {
  const header = { alg: "RS256", typ: KEY_PROOF_TYPE };
  const claims = {
    aud: publicUrl.replace(/\/$/, ""),
    sub: username,
    nonce,
    iat: Math.floor(issuedAtMs / 1000),
  };
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
}

/** Signs a proof. @param signingInput see {@link keyProofSigningInput} */
export function signKeyProof(signingInput: string, privateKey: KeyObject): string {
  const signature = sign("sha256", Buffer.from(signingInput, "latin1"), privateKey);
  return `${signingInput}.${signature.toString("base64url")}`;
}
