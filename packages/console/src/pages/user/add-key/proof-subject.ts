import { KEY_CHALLENGE_SECONDS } from "@countersign/protocol";
import type { KeyChallenge } from "../../../api/keys.ts";
import type { ProofSubject } from "../../../key/key-proof.ts";

/** What a proof with this challenge is about. */
export function proofSubject({ nonce, expires_at: expiresAt, username, audience }: KeyChallenge): ProofSubject {
  const issuedAtSeconds = Math.floor(Date.parse(expiresAt) / 1000) - KEY_CHALLENGE_SECONDS;
  return { audience, username, nonce, issuedAtSeconds };
}
