import assert from "node:assert/strict";
import { after, test } from "node:test";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { parsePublicKey } from "../core/keys/admission.ts";
import type { KeyId } from "../core/keys/model.ts";
import { createKeyExaminerPool } from "./key-examiner-pool.ts";
import { slicesOf } from "./key-examiner-thread.ts";

const pool = createKeyExaminerPool([], 2);
after(() => pool.close());

test("several threads examine a list of keys in its order, and the first compares with the registered ones", async () => {
  const { modulus, spki } = parsePublicKey(rsaKeyPair("alice").publicPem);
  const moduli = Array.from({ length: 100 }, (_, index) => (index % 40 === 7 ? modulus : Buffer.from([15])));
  const found = await pool.findWeaknesses(moduli, "test");
  assert.deepEqual(
    found,
    moduli.map((each) => (each === modulus ? undefined : "small_factor")),
  );
  await pool.learn([{ id: 3 as KeyId, spki }]);
  assert.equal(pool.learntThrough(), 3);
  assert.deepEqual(await pool.compare([modulus, Buffer.from([15])], "test"), [true, false]);
});

test("a list is cut into parts that take about as long, whatever the keys' lengths", () => {
  const lengths = (moduli: readonly number[]) =>
    slicesOf(moduli.map((bytes) => Buffer.alloc(bytes))).map((slice) => slice.length);
  assert.deepEqual(lengths(Array.from({ length: 70 }, () => 256)), [32, 32, 6]);
  assert.deepEqual(lengths([1024, 1024, 256, 256]), [1, 1, 2]);
  assert.deepEqual(lengths([]), []);
});
