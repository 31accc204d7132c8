import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { testSigningKeys } from "../testing/test-signing-keys.ts";
import { type TestViewKey, testViewUser } from "../testing/test-view.ts";
import { createCheckToken, type InactiveReason } from "./check.ts";
import { Refusal } from "./refusal.ts";
import type { ViewKey, ViewUser } from "./view/view-user.ts";
import { mintToken } from "./token/mint-token.ts";

const EXPIRES_AT_SECONDS = 1_481_653_853;
const signingKeys = testSigningKeys(1);
const alice = rsaKeyPair("alice");
const CLAIMS = { nonce: 1, userId: 1, expiresAtSeconds: EXPIRES_AT_SECONDS, keyId: 3 };
const token = mintToken(signingKeys, CLAIMS);

function checkWith(key: Partial<TestViewKey> = {}, user: Partial<Omit<ViewUser, "keys">> = {}) {
  const [found] = testViewUser([{ id: 3, publicKey: alice.publicKey, ...key }], user).keys;
  const clock = createTestClock();
  const lookups: number[] = [];
  const check = createCheckToken({
    view: {
      findKey(keyId) {
        lookups.push(keyId);
        return keyId === found?.id ? found : undefined;
      },
      isTokenRevoked: () => false,
    },
    signingKeys,
    clock,
  });
  return { check, clock, lookups };
}

function inactive(reason: InactiveReason) {
  return { active: false, reason };
}

describe("an active token", () => {
  test("names its user, and is answered synchronously where the view knows its key", () => {
    const { check } = checkWith({}, { access: "read_only" });
    assert.deepEqual(check(token), {
      active: true,
      username: "api-1-demo",
      userId: 1,
      account: "acme",
      accountId: 1,
      access: "read_only",
      keyId: 3,
      expiresAtSeconds: EXPIRES_AT_SECONDS,
      endsAtSeconds: EXPIRES_AT_SECONDS,
      nonce: 1,
      limits: [],
    });
  });

  test("ends with its key where that is earlier, rounded down to the second", () => {
    for (const [keyEndsAtMs, endsAtSeconds] of [
      [EXPIRES_AT_SECONDS * 1000 - 1, EXPIRES_AT_SECONDS - 1],
      [EXPIRES_AT_SECONDS * 1000, EXPIRES_AT_SECONDS],
      [EXPIRES_AT_SECONDS * 1000 + 1000, EXPIRES_AT_SECONDS],
    ] as const) {
      const verdict = checkWith({ expiresAtMs: keyEndsAtMs }).check(token);
      assert.ok(!(verdict instanceof Promise) && verdict.active);
      assert.equal(verdict.endsAtSeconds, endsAtSeconds);
      assert.equal(verdict.expiresAtSeconds, EXPIRES_AT_SECONDS);
    }
  });

  test("is answered by a promise where the store has to be read", async () => {
    const [key] = testViewUser([{ id: 3, publicKey: alice.publicKey }]).keys;
    const answer = (found: ViewKey | undefined) =>
      createCheckToken({
        view: { findKey: () => Promise.resolve(found), isTokenRevoked: () => false },
        signingKeys,
        clock: createTestClock(),
      })(token);
    assert.ok(answer(key) instanceof Promise);
    assert.equal((await answer(key)).active, true);
    assert.deepEqual(await answer(undefined), inactive("unknown_key"));
  });
});

describe("a token's end", () => {
  for (const [offsetMicroseconds, active] of [
    [-1_000_000, true],
    [-1, true],
    [0, false],
    [1, false],
    [1_000_000, false],
  ] as const) {
    test(`is at expires_at: ${offsetMicroseconds} µs from it the token is ${active ? "active" : "over"}`, async () => {
      const { check, clock } = checkWith();
      clock.setMicroseconds(EXPIRES_AT_SECONDS * 1e6 + offsetMicroseconds);
      const verdict = await check(token);
      if (active) assert.equal(verdict.active, true);
      else assert.deepEqual(verdict, inactive("expired"));
    });
  }

  test("comes before any lookup", () => {
    const { check, clock, lookups } = checkWith();
    clock.setMicroseconds(EXPIRES_AT_SECONDS * 1e6);
    assert.deepEqual(check(token), inactive("expired"));
    assert.deepEqual(lookups, []);
  });

  test("is its key's end, where that comes first", () => {
    const keyEndMs = EXPIRES_AT_SECONDS * 1000 - 5000;
    for (const [offsetMicroseconds, active] of [
      [-1_000_000, true],
      [-1, true],
      [0, false],
      [1, false],
      [1_000_000, false],
    ] as const) {
      const { check, clock } = checkWith({ expiresAtMs: keyEndMs });
      clock.setMicroseconds(keyEndMs * 1000 + offsetMicroseconds);
      const verdict = check(token);
      assert.ok(!(verdict instanceof Promise));
      assert.equal(verdict.active, active, `${offsetMicroseconds} µs`);
      if (!verdict.active) assert.equal(verdict.reason, "key_expired");
    }
  });

  test("lies in 2106 at the latest, and the greatest expires_at is read correctly", () => {
    const { check, clock } = checkWith();
    const last = mintToken(signingKeys, { ...CLAIMS, expiresAtSeconds: 0xffff_ffff });
    clock.setMicroseconds(0xffff_ffff * 1e6 - 1);
    assert.equal((check(last) as { active: boolean }).active, true);
    clock.setMicroseconds(0xffff_ffff * 1e6);
    assert.deepEqual(check(last), inactive("expired"));
  });
});

describe("an inactive token", () => {
  for (const [reason, key, user] of [
    ["key_revoked", { status: "revoked" }, {}],
    ["key_deactivated", { status: "deactivated" }, {}],
    ["key_expired", { expiresAtMs: 0 }, {}],
    ["user_deactivated", {}, { status: "deactivated" }],
    ["account_deactivated", {}, { accountStatus: "deactivated" }],
    ["unknown_key", { id: 4 }, {}],
  ] as const) {
    test(`has a reason for the operator: ${reason}`, () => {
      assert.deepEqual(checkWith(key, user).check(token), inactive(reason));
    });
  }

  test("has the most lasting reason, where there are several", () => {
    const expired = { expiresAtMs: 0 };
    const off = { status: "deactivated", accountStatus: "deactivated" } as const;
    assert.deepEqual(checkWith({ ...expired, status: "revoked" }, off).check(token), inactive("key_revoked"));
    assert.deepEqual(checkWith({ ...expired, status: "deactivated" }, off).check(token), inactive("key_deactivated"));
    assert.deepEqual(checkWith(expired, off).check(token), inactive("key_expired"));
    assert.deepEqual(checkWith({}, off).check(token), inactive("user_deactivated"));
  });

  test("is one whose key belongs to another user", () => {
    const { check } = checkWith();
    assert.deepEqual(check(mintToken(signingKeys, { ...CLAIMS, userId: 2 })), inactive("unknown_key"));
    assert.deepEqual(check(mintToken(signingKeys, { ...CLAIMS, keyId: 2 })), inactive("unknown_key"));
  });

  test("is one that this service didn't issue, and nothing is looked up for it", () => {
    const { check, lookups } = checkWith();
    assert.deepEqual(check(""), inactive("malformed"));
    assert.deepEqual(check("x"), inactive("malformed"));
    assert.deepEqual(check(`${token}A`), inactive("malformed"));
    assert.deepEqual(check(token.replace("1.", "2.")), inactive("unknown_signing_key"));
    assert.deepEqual(check(mintToken(testSigningKeys(2), CLAIMS)), inactive("unknown_signing_key"));
    assert.deepEqual(check(`1.${token.slice(2, 6)}A${token.slice(7)}`), inactive("wrong_mac"));
    assert.deepEqual(lookups, []);
  });
});

describe("checking", () => {
  test("gives a verdict for any text and looks nothing up for it", () => {
    const { check, lookups } = checkWith();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 120 }), (text) => {
        const verdict = check(text);
        assert.ok(!(verdict instanceof Promise));
        assert.equal(verdict.active, false);
      }),
    );
    assert.deepEqual(lookups, []);
  });

  test("is refused as unavailable, never called active, where the store can't be read", async () => {
    const unavailable = new Refusal("unavailable", "The registry can't be read right now.");
    const check = createCheckToken({
      view: { findKey: () => Promise.reject(unavailable), isTokenRevoked: () => false },
      signingKeys,
      clock: createTestClock(),
    });
    await assert.rejects(Promise.resolve(check(token)), (error) => error === unavailable);
  });
});
