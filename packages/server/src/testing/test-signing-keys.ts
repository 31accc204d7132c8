import { deriveSigningKeys, masterSecretFingerprint, type SigningKeys } from "../core/token/signing-keys.ts";

/** The master secret of `vectors/tokens.json`: the bytes 0 to 31. */
export const TEST_MASTER_SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

/** Signing keys of those numbers under {@link TEST_MASTER_SECRET}. */
export function testSigningKeys(...numbers: readonly [number, ...number[]]): SigningKeys {
  const masterFingerprint = masterSecretFingerprint(TEST_MASTER_SECRET);
  return deriveSigningKeys(
    numbers.map((number) => ({ number, masterFingerprint, createdAtMs: 0, activatedAtMs: 0, retiredAtMs: null })),
    [TEST_MASTER_SECRET],
  );
}
