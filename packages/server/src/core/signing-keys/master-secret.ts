import { MASTER_SECRET_BYTES } from "./signing-keys.ts";

/** The chance that 32 random bytes have fewer distinct values, or fewer distinct differences between neighbours, is 1 in 10^10. */
const DISTINCT_MIN = 16;

/**
 * Why 32 bytes can't be a master secret, without repeating them; `undefined` if they can. Bytes that aren't random (zeros, a
 * counter, a repeated pattern, text) are refused, because an attacker who guesses them can mint tokens.
 */
export function findMasterSecretProblem(secret: Uint8Array): string | undefined {
  const steps = new Set(secret.slice(1).map((byte, index) => byte - (secret[index] ?? 0)));
  const isRepeated = secret.every((byte, index) => byte === secret[index % (MASTER_SECRET_BYTES / 2)]);
  const isText = secret.every((byte) => byte >= 0x20 && byte <= 0x7e);
  if (new Set(secret).size >= DISTINCT_MIN && steps.size >= DISTINCT_MIN && !isRepeated && !isText) return undefined;
  return `isn't random; make ${MASTER_SECRET_BYTES} random bytes with: openssl rand -base64 ${MASTER_SECRET_BYTES}`;
}
