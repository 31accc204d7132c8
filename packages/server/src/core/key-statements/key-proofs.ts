import { type KeyProof, keyProofRequired } from "../keys/possession.ts";
import type { Clock, Random } from "../surroundings.ts";
import { createKeyChallenges, type KeyChallenge } from "./key-challenges.ts";
import { keyProofSigningInput } from "./sign-key-proof.ts";
import { type PublicUrls, type UnverifiedKeyProof, verifyKeyProof } from "./verify-key-proof.ts";

/** Must a new key come with a proof of possession? One that is given is always checked. */
export type KeyProofPolicy = "optional" | "required";

/** Proofs of possession at a place where keys are added. */
export interface KeyProofs {
  /** The URL that proofs name as `aud`. */
  readonly audience: string;
  /** Hands out a nonce. Stores nothing. */
  makeChallenge(): KeyChallenge;
  /** The text that the user's new key has to sign; see {@link keyProofSigningInput}. */
  signingInput(challenge: KeyChallenge, username: string): string;
  /**
   * Verifies the proof that came with a key, whatever the policy is; see {@link verifyKeyProof}.
   *
   * @throws {Refusal} `key_proof_invalid`
   */
  verify(proof: UnverifiedKeyProof): Promise<KeyProof>;
  /**
   * Verifies the proof if there is one.
   *
   * @returns `undefined` without a proof, if the policy allows that
   * @throws {Refusal} `key_proof_invalid`; `key_proof_required`
   */
  check(proof: Omit<UnverifiedKeyProof, "text"> & { readonly text: string | undefined }): Promise<KeyProof | undefined>;
}

/** Accepts a key that came without a proof. @throws {Refusal} `key_proof_required` if the policy requires one */
export function acceptWithoutProof(policy: KeyProofPolicy): undefined {
  if (policy === "required") throw keyProofRequired();
  return undefined;
}

export interface KeyProofOptions {
  readonly policy: KeyProofPolicy;
  /** Newest first. */
  readonly masterSecrets: readonly [Buffer, ...Buffer[]];
  /** See `verifyKeyProof`; proofs are to name the first. */
  readonly publicUrls: PublicUrls;
  readonly clock: Clock;
  readonly random: Random;
}

export function createKeyProofs({ policy, masterSecrets, publicUrls, clock, random }: KeyProofOptions): KeyProofs {
  const challenges = createKeyChallenges(masterSecrets, clock, random);
  const verify = (proof: UnverifiedKeyProof) =>
    verifyKeyProof(proof, { publicUrls, challenges, nowSeconds: clock.nowMicroseconds() / 1e6 });
  return {
    audience: publicUrls[0].replace(/\/$/, ""),
    makeChallenge: () => challenges.make(),
    signingInput: (challenge, username) => keyProofSigningInput(challenge, username, publicUrls[0]),
    verify,
    async check({ text, ...proof }) {
      if (text !== undefined) return verify({ ...proof, text });
      return acceptWithoutProof(policy);
    },
  };
}
