import type { KeyChallenge } from "../key-statements/key-challenges.ts";
import type { KeyProofs } from "../key-statements/key-proofs.ts";
import { isoTime } from "./registry.ts";

/** A nonce for a proof, with what a new key of the user has to sign. */
export function keyChallengeJson(
  { audience, signingInput }: Pick<KeyProofs, "audience" | "signingInput">,
  challenge: KeyChallenge,
  username: string,
) {
  return {
    nonce: challenge.nonce,
    expires_at: isoTime(challenge.expiresAtMs),
    username,
    audience,
    signing_input: signingInput(challenge, username),
  };
}
