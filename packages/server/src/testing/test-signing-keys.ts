import { deriveSigningKeys, masterSecretFingerprint, type SigningKeys } from "../core/signing-keys/signing-keys.ts";

/** The master secret of `vectors/tokens.json`: the bytes 0 to 31. */
export const TEST_MASTER_SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

/** The store's id in `vectors/tokens.json`: the bytes 0 to 15. */
export const TEST_STORE_ID = "000102030405060708090a0b0c0d0e0f";

/** Signing keys with these numbers under {@link TEST_MASTER_SECRET}, bound to no store. */
export function testSigningKeys(...numbers: readonly [number, ...number[]]): SigningKeys {
  return deriveTestKeys(undefined, numbers);
}

/** Signing keys with these numbers under {@link TEST_MASTER_SECRET}, bound to a store. */
export function storeSigningKeys(storeId: string, ...numbers: readonly [number, ...number[]]): SigningKeys {
  return deriveTestKeys(storeId, numbers);
}

function deriveTestKeys(storeId: string | undefined, numbers: readonly number[]): SigningKeys {
  const masterFingerprint = masterSecretFingerprint(TEST_MASTER_SECRET, storeId);
  return deriveSigningKeys(
    numbers.map((number) => ({ number, masterFingerprint, createdAtMs: 0, activatedAtMs: 0, retiredAtMs: null })),
    [TEST_MASTER_SECRET],
    storeId ?? TEST_STORE_ID,
  );
}
