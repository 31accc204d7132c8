import { createPublicKey, type KeyObject } from "node:crypto";
import { findSizeWeakness } from "./admission.ts";
import type { KeyId, PublicKey, Weakness } from "./model.ts";
import type { KeyStore } from "./store.ts";
import type { KeyExaminer } from "./weakness/key-examiner.ts";
import { modulusOfSpki } from "./weakness/modulus-of-spki.ts";

/**
 * Examines a registered key as if it were added now, and returns its first weakness, `null` if it has none. Of several keys with one
 * modulus, each is a duplicate until the others are revoked. A revoked key isn't weak because it is revoked.
 *
 * @param sharing the keys that {@link findSharedPrimes} has found
 * @throws {Refusal} `unavailable` if the key can't be examined now
 */
export type FindStoredWeakness = (key: PublicKey, sharing: ReadonlySet<KeyId>) => Promise<Weakness | null>;

export function createFindStoredWeakness(
  examiner: Pick<KeyExaminer, "examine">,
  keys: Pick<KeyStore, "findByModulusHash" | "isModulusRevoked">,
): FindStoredWeakness {
  return async (key, sharing) => {
    const modulus = modulusOfSpki(key.spki);
    const parsed = parseSpki(key.spki);
    // No release has stored such bytes. A key that can't be read verifies no signature.
    if (modulus === undefined || parsed === undefined) return null;
    const ofSize = findSizeWeakness(parsed);
    if (ofSize !== undefined) return ofSize.weakness;
    const { weakness } = await examiner.examine(modulus, "audit");
    if (weakness !== undefined) return weakness;
    const others = (await keys.findByModulusHash(key.modulusHash)).filter(({ id }) => id !== key.id);
    if (key.status !== "revoked") {
      const isRevoked = others.some(({ status }) => status === "revoked");
      if (isRevoked || (await keys.isModulusRevoked(key.modulusHash))) return "revoked";
    }
    if (others.some(({ status }) => status !== "revoked")) return "duplicate";
    return sharing.has(key.id) ? "shared_prime" : null;
  };
}

function parseSpki(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}
