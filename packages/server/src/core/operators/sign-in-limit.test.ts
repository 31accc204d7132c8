import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { createTestClock, type TestClock } from "../../testing/test-clock.ts";
import { codeOf } from "../../testing/test-operators.ts";
import { Refusal } from "../refusal.ts";
import { createSignInLimit, SIGN_IN_FAILURES_MAX, SIGN_IN_WINDOW_MS, type SignInLimit } from "./sign-in-limit.ts";

describe("attempts for one e-mail address", () => {
  let clock: TestClock;
  let limit: SignInLimit;
  const wrong = () => Promise.reject(new Refusal("sign_in_rejected", "wrong"));
  const right = () => Promise.resolve("in");
  const fail = (email = "alice@example.com") => codeOf(limit.attempt(email, wrong));

  beforeEach(() => {
    clock = createTestClock();
    limit = createSignInLimit(clock);
  });

  test("are refused after ten failures, right ones too, and those for others aren't", async () => {
    for (let failure = 1; failure <= SIGN_IN_FAILURES_MAX; failure++) assert.equal(await fail(), "sign_in_rejected");
    assert.equal(await fail(), "rate_limited");
    assert.equal(await codeOf(limit.attempt("alice@example.com", right)), "rate_limited");
    assert.equal(await limit.attempt("bob@example.com", right), "in");
  });

  test("are taken again when the window that began with the first failure is over: not a millisecond before", async () => {
    await fail();
    clock.advanceMonotonicMs(SIGN_IN_WINDOW_MS - 2000);
    for (let failure = 2; failure <= SIGN_IN_FAILURES_MAX; failure++) await fail();
    clock.advanceMonotonicMs(1999);
    await assert.rejects(
      limit.attempt("alice@example.com", right),
      (error) => error instanceof Refusal && error.detail.retryAfterSeconds === 1,
    );
    clock.advanceMonotonicMs(1);
    assert.equal(await limit.attempt("alice@example.com", right), "in");
  });

  test("that succeed, or fail for another reason, count nothing, and undo nothing", async () => {
    for (let failure = 1; failure < SIGN_IN_FAILURES_MAX; failure++) await fail();
    for (let more = 0; more < 20; more++) {
      assert.equal(await limit.attempt("alice@example.com", right), "in");
      await assert.rejects(limit.attempt("alice@example.com", () => Promise.reject(new Error("the store is down"))));
      const busy = () => Promise.reject(new Refusal("rate_limited", "busy"));
      assert.equal(await codeOf(limit.attempt("alice@example.com", busy)), "rate_limited");
    }
    assert.equal(await fail(), "sign_in_rejected");
    assert.equal(await fail(), "rate_limited");
  });

  test("that come all at once get no more tries than those that come one by one", async () => {
    const codes = await Promise.all(Array.from({ length: 100 }, () => fail()));
    assert.equal(codes.filter((code) => code === "sign_in_rejected").length, SIGN_IN_FAILURES_MAX);
  });

  test("are remembered for 50,000 addresses; beyond that for those that were tried last", async () => {
    for (let failure = 1; failure <= SIGN_IN_FAILURES_MAX; failure++) await fail("first@example.com");
    for (let other = 0; other < 49_999; other++) await limit.attempt(`${other}@example.com`, right);
    assert.equal(await fail("first@example.com"), "rate_limited");
    for (let other = 0; other < 50_000; other++) await limit.attempt(`${other}@example.org`, right);
    assert.equal(await fail("first@example.com"), "sign_in_rejected");
  });
});
