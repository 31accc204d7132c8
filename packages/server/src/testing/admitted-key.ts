import { parsePublicKey } from "../core/keys/admission.ts";
import type { AdmittedKey } from "../core/keys/admit-key.ts";
import type { KeyId } from "../core/keys/model.ts";

/**
 * A key as if it had passed the examination, for tests of what comes after it. They may add made-up keys, and needn't wait. The
 * transaction compares it with registered keys as usual.
 */
export function admittedKey(text: string): AdmittedKey {
  return { ...parsePublicKey(text), sharesPrime: false, comparedThrough: 0 as KeyId } as AdmittedKey;
}
