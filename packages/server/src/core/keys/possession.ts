import type { ChangeTx } from "../change/change-tx.ts";
import type { OpenChallenge } from "../challenges/store.ts";
import { Refusal } from "../refusal.ts";

/** A proof that was checked: the sender of a public key holds its private key. Adding the key uses up the challenge. */
export interface KeyProof {
  readonly challenge: OpenChallenge;
}

/**
 * Uses up a proof's challenge. Call it in the transaction that adds the key: an addition that is refused leaves the challenge unused.
 *
 * @throws {Refusal} `key_proof_invalid` if another key was added with it
 */
export async function useKeyProof(
  { challenges }: Pick<ChangeTx, "challenges">,
  { challenge }: KeyProof,
): Promise<void> {
  if (!(await challenges.use(challenge))) {
    throw keyProofInvalid("The proof's nonce was used already.", "Get a new nonce for each key, and sign a new proof.");
  }
}

/** The refusal of a proof. @param message says what is wrong with it, and quotes nothing of it but short names */
export function keyProofInvalid(message: string, hint?: string): Refusal {
  return proofRefusal("key_proof_invalid", message, hint);
}

/** The refusal of a key that came without a proof where one is required. */
export function keyProofRequired(): Refusal {
  return proofRefusal(
    "key_proof_required",
    "The key came without a proof of possession, and this service requires one.",
    "Get a nonce (countersign key challenge, or POST /api/auth/v0/key-challenges/), sign it with the new key, and send the proof with the key.",
  );
}

function proofRefusal(code: "key_proof_invalid" | "key_proof_required", message: string, hint?: string): Refusal {
  return new Refusal(code, message, {
    fields: [{ field: "/proof", message }],
    ...(hint !== undefined && { hint }),
  });
}
