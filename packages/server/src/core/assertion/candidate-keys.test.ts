import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { KeyId, KeyStatus } from "../keys/model.ts";
import { type CandidateKey, candidateKeys } from "./candidate-keys.ts";
import { SIGNATURE_CHECKS_MAX } from "./verify-signature.ts";

const NOW_MS = 1_000_000;

interface TestKey extends CandidateKey {
  readonly bytes: number;
}

function key(id: number, status: KeyStatus = "active", expiresAtMs: number | null = null, bytes = 256): TestKey {
  return { id: id as KeyId, thumbprint: `T${id}`, status, expiresAtMs, bytes };
}

function tried(keys: readonly TestKey[], kid?: unknown): number[] {
  return candidateKeys(keys, { kid }, ({ bytes }) => bytes === 256, NOW_MS).map(({ id }) => id);
}

describe("the keys that are tried for an assertion without kid", () => {
  test("are the two newest usable ones: during a rotation, the old key and the new one", () => {
    assert.deepEqual(tried([key(1), key(2)]), [2, 1]);
    assert.deepEqual(tried([key(1), key(2), key(3)]), [3, 2]);
    assert.deepEqual(tried(Array.from({ length: 20 }, (_, at) => key(at + 1))), [20, 19]);
  });

  test("have the signature's length, however many others there are", () => {
    assert.deepEqual(tried([key(3), key(4), key(5, "active", null, 512), key(6, "active", null, 512)]), [4, 3]);
  });

  test("include unusable ones, revoked ones last, where fewer than two are usable, so that the refusal can name the cause", () => {
    assert.deepEqual(tried([key(1), key(2, "deactivated")]), [1, 2]);
    assert.deepEqual(tried([key(1), key(2, "revoked"), key(3, "deactivated")]), [1, 3]);
    assert.deepEqual(tried([key(1, "revoked"), key(2, "deactivated"), key(3, "revoked")]), [2, 3]);
    assert.deepEqual(tried([key(1, "deactivated"), key(2, "revoked"), key(3, "deactivated")]), [3, 1]);
    assert.deepEqual(tried([key(1, "active", NOW_MS), key(2, "revoked"), key(3, "deactivated")]), [3, 1]);
    assert.deepEqual(tried([key(1), key(2), key(3, "deactivated")]), [2, 1]);
  });

  test("count as usable until their expiry, exclusive", () => {
    assert.deepEqual(tried([key(1), key(2, "active", NOW_MS + 1), key(3, "active", NOW_MS)]), [2, 1]);
    assert.deepEqual(tried([key(1), key(2, "active", NOW_MS)]), [1, 2]);
  });

  test("include the next usable key as soon as one is deactivated", () => {
    assert.deepEqual(tried([key(1), key(2), key(3, "deactivated")]), [2, 1]);
  });
});

describe("a kid", () => {
  const keys = [key(1), key(2), key(3), key(4, "deactivated")];

  test("selects the one key that it names, by id or thumbprint, whatever its age and standing", () => {
    for (const { id, thumbprint } of keys) {
      assert.deepEqual(tried(keys, String(id)), [id]);
      assert.deepEqual(tried(keys, thumbprint), [id]);
    }
  });

  test("that names none of the user's keys is ignored", () => {
    for (const kid of ["5", "t1", "", " 1", "01", 1, null, ["1"], {}, true, undefined])
      assert.deepEqual(tried(keys, kid), [3, 2]);
  });
});

test("however many keys a user has, and whatever the kid, no more than two are tried, and none twice", () => {
  const anyKey = fc.record({
    status: fc.constantFrom<KeyStatus>("active", "deactivated", "revoked"),
    expiresAtMs: fc.constantFrom(null, NOW_MS - 1, NOW_MS, NOW_MS + 1),
    bytes: fc.constantFrom(256, 512),
  });
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 32 }), fc.constantFrom(undefined, "1", "T2", "x"), (some, kid) => {
      const keys = some.map(({ status, expiresAtMs, bytes }, at) => key(at + 1, status, expiresAtMs, bytes));
      const ids = tried(keys, kid);
      assert.ok(ids.length <= SIGNATURE_CHECKS_MAX);
      assert.equal(new Set(ids).size, ids.length);
    }),
  );
});
