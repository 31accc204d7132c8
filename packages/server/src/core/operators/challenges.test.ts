import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import { createTestClock } from "../../testing/test-clock.ts";
import { CHALLENGE_MS, type ChallengePurpose, createChallenges } from "./challenges.ts";
import type { OperatorId } from "./model.ts";

const random = createSystemRandom();
const [newest, older, stranger] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];
const PURPOSES: readonly ChallengePurpose[] = [
  { kind: "sign-in" },
  { kind: "single-sign-on" },
  { kind: "passkey", operatorId: 1 as OperatorId },
  { kind: "passkey", operatorId: 11 as OperatorId },
  { kind: "link", secretHash: "1" },
  { kind: "link", secretHash: "11" },
];

describe("a challenge", () => {
  test("is valid for the purpose that it was made for only", () => {
    const challenges = createChallenges([newest], createTestClock(), random);
    for (const made of PURPOSES) {
      const challenge = challenges.make(made);
      for (const asked of PURPOSES) {
        assert.equal(challenges.check(challenge, asked) !== undefined, made === asked);
      }
    }
  });

  test("is valid for five minutes, exclusive", () => {
    const clock = createTestClock();
    const challenges = createChallenges([newest], clock, random);
    const challenge = challenges.make({ kind: "sign-in" });
    const made = Math.floor(clock.nowMicroseconds() / 1000);
    clock.setMicroseconds((made + CHALLENGE_MS - 1) * 1000);
    assert.equal(challenges.check(challenge, { kind: "sign-in" })?.expiresAtMs, made + CHALLENGE_MS);
    clock.setMicroseconds((made + CHALLENGE_MS) * 1000);
    assert.equal(challenges.check(challenge, { kind: "sign-in" }), undefined);
  });

  test("is valid under each of the configured master secrets, and under no other", () => {
    const clock = createTestClock();
    const before = createChallenges([older], clock, random).make({ kind: "sign-in" });
    assert.ok(createChallenges([newest, older], clock, random).check(before, { kind: "sign-in" }));
    assert.equal(createChallenges([newest], clock, random).check(before, { kind: "sign-in" }), undefined);
    assert.equal(createChallenges([stranger], clock, random).check(before, { kind: "sign-in" }), undefined);
  });

  test("is invalid once any bit of it is changed, added or removed", () => {
    const challenges = createChallenges([newest], createTestClock(), random);
    const challenge = challenges.make({ kind: "sign-in" });
    for (let bit = 0; bit < challenge.length * 8; bit++) {
      const altered = Buffer.from(challenge);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(challenges.check(altered, { kind: "sign-in" }), undefined, String(bit));
    }
    for (const bytes of [challenge.subarray(1), Buffer.concat([challenge, Buffer.alloc(1)]), Buffer.alloc(0)]) {
      assert.equal(challenges.check(bytes, { kind: "sign-in" }), undefined);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        assert.equal(challenges.check(bytes, { kind: "sign-in" }), undefined);
      }),
    );
  });

  test("is different each time, and so is the hash under which its use is recorded", () => {
    const challenges = createChallenges([newest], createTestClock(), random);
    const hashes = Array.from({ length: 100 }, () => {
      return challenges.check(challenges.make({ kind: "sign-in" }), { kind: "sign-in" })?.hash;
    });
    assert.equal(new Set(hashes).size, 100);
  });
});

test("a user handle is the same for one address, differs between addresses, and doesn't contain the address", () => {
  const challenges = createChallenges([newest], createTestClock(), random);
  const handle = challenges.userHandle("alice@example.com");
  assert.deepEqual(challenges.userHandle("alice@example.com"), handle);
  assert.notDeepEqual(challenges.userHandle("bob@example.com"), handle);
  assert.ok(handle.length <= 64 && !handle.includes("alice"));
});
