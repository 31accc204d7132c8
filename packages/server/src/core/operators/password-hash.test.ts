import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import { Refusal } from "../refusal.ts";
import { createPasswordHasher } from "./password-hash.ts";

const hasher = createPasswordHasher(createSystemRandom());

/** From the reference implementation's tests (P-H-C/phc-winner-argon2, src/test.c). */
const REFERENCE = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

describe("a password's hash", () => {
  test("is Argon2id with OWASP's parameters and a salt of its own, and matches that password alone", async () => {
    const hash = await hasher.hash("correct horse");
    assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.notEqual(await hasher.hash("correct horse"), hash);
    assert.equal(await hasher.matches("correct horse", hash), true);
    for (const other of ["correct horse ", "Correct horse", "", "correct horsé"]) {
      assert.equal(await hasher.matches(other, hash), false, other);
    }
  });

  test("is read with the parameters that it names, such as the reference implementation's", async () => {
    assert.equal(await hasher.matches("password", REFERENCE), true);
    assert.equal(await hasher.matches("passwore", REFERENCE), false);
  });

  for (const [what, hash] of [
    ["there is none", null],
    ["there is no operator", undefined],
    ["it is empty", ""],
    ["it is another algorithm's", REFERENCE.replace("argon2id", "argon2i")],
    ["it is another version's", REFERENCE.replace("v=19", "v=16")],
    ["it asks for more memory than there may be", REFERENCE.replace("m=65536", "m=262145")],
    ["it asks for less memory than its lanes need", REFERENCE.replace("m=65536", "m=7")],
    ["it asks for more passes than there may be", REFERENCE.replace("t=2", "t=17")],
    ["it asks for more lanes than there may be", REFERENCE.replace("p=1", "p=5")],
    ["it asks for no passes", REFERENCE.replace("t=2", "t=0")],
    ["it is cut off", REFERENCE.slice(0, -25)],
    ["other text follows it", `${REFERENCE}\n`],
  ] as const) {
    test(`matches nothing where ${what}`, async () => {
      assert.equal(await hasher.matches("password", hash), false);
    });
  }

  test("matches nothing where it is an arbitrary text, and is never a defect", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (text) => {
        assert.equal(await hasher.matches("password", text), false);
      }),
      { numRuns: 5 },
    );
  });
});

test("is computed two at a time while 32 wait; the rest are refused with a time to wait, and may try again", async () => {
  const fresh = createPasswordHasher(createSystemRandom());
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => fresh.matches("password", null)));
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  assert.equal(refused.length, 40 - 34);
  for (const { reason } of refused) {
    assert.ok(reason instanceof Refusal);
    assert.equal(reason.code, "rate_limited");
    assert.ok((reason.detail.retryAfterSeconds ?? 0) > 0);
  }
  assert.equal(await fresh.matches("password", null), false);
});
