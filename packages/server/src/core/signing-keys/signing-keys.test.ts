import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { readTokenVectors } from "../../testing/vectors.ts";
import { mintToken } from "../token/mint-token.ts";
import { deriveSigningKeys, isUnbound, masterSecretFingerprint, type SigningKeyRecord } from "./signing-keys.ts";
import { OperatorError } from "../operator-error.ts";

const vectors = readTokenVectors();
const bound = vectors.boundToStore;
const secret = Buffer.from(vectors.masterSecret, "base64");
const otherSecret = Buffer.from(vectors.otherMasterSecret, "base64");

function record(number: number, masterFingerprint = vectors.masterFingerprint, retiredAtMs: number | null = null) {
  return { number, masterFingerprint, createdAtMs: 0, activatedAtMs: 0, retiredAtMs };
}

/** A key that waits until all live nodes know it. */
function waiting(number: number, masterFingerprint = vectors.masterFingerprint) {
  return { ...record(number, masterFingerprint), activatedAtMs: null };
}

const derive = (records: readonly SigningKeyRecord[], secrets: readonly Buffer[], storeId = bound.storeId) =>
  deriveSigningKeys(records, secrets, storeId);

const MISMATCH =
  "the master secret doesn't belong to this store: signing key 1 was derived from the master secret with " +
  `fingerprint ${vectors.masterFingerprint}, and the configured one has ${bound.otherMasterFingerprint}; set ` +
  "COUNTERSIGN_MASTER_SECRET to the same value on every node (while it is being replaced: the new one, a comma, the old " +
  "one), or copy the first node's master.key";

describe("signing keys", () => {
  for (const { number, key } of vectors.signingKeys) {
    test(`number ${number} derives as in RFC 5869, which must never change: live tokens depend on it`, () => {
      const keys = derive([record(number)], [secret]);
      const expected = createHmac("sha256", Buffer.from(key, "hex")).update("1.abc").digest("base64url");
      assert.equal(keys.mac(number, "1.abc"), expected);
      assert.equal(keys.currentNumber, number);
    });
  }

  for (const { number, key } of bound.signingKeys) {
    test(`number ${number} of a store derives from the secret and the store's id, which must never change`, () => {
      const keys = derive([record(number, bound.masterFingerprint)], [secret]);
      const expected = createHmac("sha256", Buffer.from(key, "hex")).update("1.abc").digest("base64url");
      assert.equal(keys.mac(number, "1.abc"), expected);
    });
  }

  test("with one number differ between stores under the same master secret, and can't be derived in another store", () => {
    const own = derive([record(1, bound.masterFingerprint)], [secret]);
    const other = derive([record(1, bound.masterFingerprintInOtherStore)], [secret], bound.otherStoreId);
    assert.notEqual(own.mac(1, "text"), other.mac(1, "text"));
    assert.throws(() => derive([record(1, bound.masterFingerprint)], [secret], bound.otherStoreId), {
      name: "OperatorError",
    });
  });

  test("that are bound to a store and those that aren't work beside each other", () => {
    const keys = derive([record(1), record(2, bound.masterFingerprint)], [secret]);
    assert.deepEqual([keys.numbers, keys.missing], [[1, 2], []]);
    assert.deepEqual(
      [record(1), record(2, bound.masterFingerprint)].map((one) => isUnbound(one, [otherSecret, secret])),
      [true, false],
    );
    assert.equal(isUnbound(record(1), [otherSecret]), false);
  });

  test("the newest key in use signs new tokens, in whatever order the keys are given", () => {
    assert.equal(derive([record(3), record(1), record(2)], [secret]).currentNumber, 3);
  });

  test("a retired one is gone, even where it is the newest", () => {
    const keys = derive([record(1), record(2, vectors.masterFingerprint, 5)], [secret]);
    assert.equal(keys.currentNumber, 1);
    assert.equal(keys.mac(2, "text"), undefined);
  });

  test("numbers that don't exist have no MAC", () => {
    const keys = derive([record(1)], [secret]);
    for (const number of [0, 2, -1, 1.5, Number.NaN]) assert.equal(keys.mac(number, "text"), undefined);
  });

  test("may derive from several master secrets, each found by its fingerprint", () => {
    const keys = derive([record(1), record(2, vectors.otherMasterFingerprint)], [otherSecret, secret]);
    assert.equal(keys.mac(1, "text"), derive([record(1)], [secret]).mac(1, "text"));
    assert.notEqual(keys.mac(2, "text"), derive([record(2)], [secret]).mac(2, "text"));
  });

  test("a master secret that isn't the store's is refused by its fingerprint, and the secret isn't shown", () => {
    assert.throws(
      () => derive([record(1)], [otherSecret]),
      (error: unknown) => {
        assert.ok(error instanceof OperatorError);
        assert.equal(error.message, MISMATCH);
        for (const encoding of ["base64", "base64url", "hex"] as const) {
          assert.ok(!error.message.includes(otherSecret.toString(encoding)));
        }
        return true;
      },
    );
  });

  test("that derive from none of the secrets are reported, and the others keep working", () => {
    const foreign = record(2, vectors.otherMasterFingerprint);
    const keys = derive([record(1), foreign, waiting(3, vectors.otherMasterFingerprint)], [secret]);
    assert.deepEqual(keys.missing, [foreign, waiting(3, vectors.otherMasterFingerprint)]);
    assert.equal(keys.currentNumber, 1);
    assert.deepEqual(keys.numbers, [1]);
    assert.equal(keys.mac(2, "text"), undefined);
    assert.deepEqual(derive([record(1), foreign], [secret, otherSecret]).missing, []);
  });

  test("that aren't activated check tokens and sign none", () => {
    const keys = derive([waiting(3), record(2), record(1)], [secret]);
    assert.equal(keys.currentNumber, 2);
    assert.deepEqual(keys.numbers, [1, 2, 3]);
    assert.equal(keys.mac(3, "text"), derive([record(3)], [secret]).mac(3, "text"));
  });

  test("can't be loaded if the only one that derives isn't activated; the refusal names the key that is needed", () => {
    assert.throws(() => derive([record(1), waiting(2, vectors.otherMasterFingerprint)], [otherSecret]), {
      name: "OperatorError",
      message: MISMATCH,
    });
  });

  test("a retired key's master secret isn't needed any more", () => {
    const keys = derive([record(1, vectors.otherMasterFingerprint, 5), record(2)], [secret]);
    assert.equal(keys.currentNumber, 2);
  });

  for (const records of [[], [record(1, vectors.masterFingerprint, 5)], [waiting(1)]]) {
    test(`a store without one in use can't mint (${JSON.stringify(records)})`, () => {
      assert.throws(() => derive(records, [secret]), {
        name: "OperatorError",
        message: "the store has no signing key that is in use",
      });
    });
  }

  test("minting without a current key is a defect", () => {
    assert.throws(
      () =>
        mintToken({ currentNumber: 7, mac: () => undefined }, { nonce: 0, userId: 1, expiresAtSeconds: 2, keyId: 3 }),
      { name: "Error", message: "signing key 7 is current but can't sign" },
    );
  });
});

describe("a master secret's fingerprint", () => {
  test("is as in the vector, and differs between secrets", () => {
    assert.equal(masterSecretFingerprint(secret, undefined), vectors.masterFingerprint);
    assert.equal(masterSecretFingerprint(otherSecret, undefined), vectors.otherMasterFingerprint);
    assert.equal(masterSecretFingerprint(secret, bound.storeId), bound.masterFingerprint);
    assert.equal(masterSecretFingerprint(otherSecret, bound.storeId), bound.otherMasterFingerprint);
    assert.equal(masterSecretFingerprint(secret, bound.otherStoreId), bound.masterFingerprintInOtherStore);
    assert.deepEqual(secret, TEST_MASTER_SECRET);
  });

  test("isn't part of any signing key", () => {
    for (const { key } of vectors.signingKeys) assert.ok(!key.includes(vectors.masterFingerprint));
    for (const { key } of bound.signingKeys) assert.ok(!key.includes(bound.masterFingerprint));
  });
});
