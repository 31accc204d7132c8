import { createHash } from "node:crypto";
import { findSharedPrimes } from "../find-shared-primes.ts";
import type { KeyStore } from "../store.ts";
import { createFindStoredWeakness } from "../stored-weakness.ts";
import type { KeyExaminer } from "../weakness/key-examiner.ts";
import { modulusOfSpki } from "../weakness/modulus-of-spki.ts";
import type { StoredKeyExaminer } from "./audit-keys.ts";

/** @param examiner of its own, so that no new key waits for the audit */
export function createStoredKeyExaminer(
  examiner: Pick<KeyExaminer, "examine" | "findSharing">,
  keys: Pick<KeyStore, "listModuli" | "findByModulusHash" | "isModulusRevoked">,
): StoredKeyExaminer {
  return {
    findWeakness: createFindStoredWeakness(examiner, keys),
    findSharing(after, through, onStep) {
      const inSteps: Pick<KeyExaminer, "findSharing"> = {
        async findSharing(some, others) {
          await onStep();
          return examiner.findSharing(some, others);
        },
      };
      const upTo: Pick<KeyStore, "listModuli"> = {
        listModuli: async (from, limit) => (await keys.listModuli(from, limit)).filter(({ id }) => id <= through),
      };
      return findSharedPrimes(inSteps, upTo, after);
    },
    modulusHash(spki) {
      const modulus = modulusOfSpki(spki);
      return modulus && createHash("sha256").update(modulus).digest("hex");
    },
  };
}
