import type { Clock, Random } from "../surroundings.ts";
import { createKeyProofs, type KeyProofs } from "./key-proofs.ts";

/**
 * Proofs of possession of a key that this process generates and adds itself. Nobody else takes part, so the nonces are made under a secret
 * of this process, and the master secret isn't needed. No other process accepts these proofs.
 */
export function createOwnKeyProofs(clock: Clock, random: Random): KeyProofs {
  return createKeyProofs({
    policy: "required",
    masterSecrets: [random.bytes(32)],
    publicUrls: ["countersign:key-generate"],
    clock,
    random,
  });
}
