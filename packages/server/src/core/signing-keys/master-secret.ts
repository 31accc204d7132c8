import { MASTER_SECRET_BYTES } from "./signing-keys.ts";

/** 32 random bytes have fewer different values, or steps from one to the next, once in 10^10 times. */
const DISTINCT_MIN = 16;

/**
 * Says why 32 bytes can't be a master secret, without repeating them; `undefined` where they can. Bytes that nobody drew at
 * random (zeros, a counter, a repeated pattern, text) are refused: an attacker who guesses them can make tokens.
 */
export function findMasterSecretProblem(secret: Uint8Array): string | undefined {
  const steps = new Set(secret.slice(1).map((byte, index) => byte - (secret[index] ?? 0)));
  const isRepeated = secret.every((byte, index) => byte === secret[index % (MASTER_SECRET_BYTES / 2)]);
  const isText = secret.every((byte) => byte >= 0x20 && byte <= 0x7e);
  if (new Set(secret).size >= DISTINCT_MIN && steps.size >= DISTINCT_MIN && !isRepeated && !isText) return undefined;
  return `isn't random; make ${MASTER_SECRET_BYTES} random bytes with: openssl rand -base64 ${MASTER_SECRET_BYTES}`;
}
