import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { TestClock } from "../../testing/test-clock.ts";
import { codeOf } from "../../testing/test-operators.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { Refusal } from "../refusal.ts";
import { createSignInLimit, SIGN_IN_FAILURES_MAX, SIGN_IN_WINDOW_MS, type SignInLimit } from "./sign-in-limit.ts";

describe("attempts for one e-mail address", () => {
  let registry: TestRegistry;
  let clock: TestClock;
  let limit: SignInLimit;
  const wrong = () => Promise.reject(new Refusal("sign_in_rejected", "wrong"));
  const right = () => Promise.resolve("in");
  const fail = (email = "alice@example.com") => codeOf(limit.attempt(email, wrong));

  const openLimit = () => createSignInLimit(registry.store, clock, (email) => email);

  beforeEach(async () => {
    registry = await openTestRegistry();
    ({ clock } = registry);
    limit = openLimit();
  });
  afterEach(() => registry.close());

  test("are refused after ten failures, even right ones, and those for other addresses aren't", async () => {
    for (let failure = 1; failure <= SIGN_IN_FAILURES_MAX; failure++) assert.equal(await fail(), "sign_in_rejected");
    assert.equal(await fail(), "rate_limited");
    assert.equal(await codeOf(limit.attempt("alice@example.com", right)), "rate_limited");
    assert.equal(await limit.attempt("bob@example.com", right), "in");
  });

  test("are accepted again when the window that began with the first failure ends, and not a millisecond earlier", async () => {
    await fail();
    clock.advanceSeconds(SIGN_IN_WINDOW_MS / 1000 - 2);
    for (let failure = 2; failure <= SIGN_IN_FAILURES_MAX; failure++) await fail();
    clock.advanceSeconds(1.999);
    await assert.rejects(
      limit.attempt("alice@example.com", right),
      (error) => error instanceof Refusal && error.detail.retryAfterSeconds === 1,
    );
    clock.advanceSeconds(0.001);
    assert.equal(await limit.attempt("alice@example.com", right), "in");
  });

  test("that succeed, or fail for another reason, neither count nor reset the count", async () => {
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

  test("at once get no more tries than attempts one by one", async () => {
    const codes = await Promise.all(Array.from({ length: 100 }, () => fail()));
    assert.equal(codes.filter((code) => code === "sign_in_rejected").length, SIGN_IN_FAILURES_MAX);
  });

  test("are counted together over all processes and nodes", async () => {
    const limits = Array.from({ length: 5 }, openLimit);
    const codes = await Promise.all(
      Array.from({ length: 100 }, (_, at) => codeOf((limits[at % 5] ?? limit).attempt("alice@example.com", wrong))),
    );
    assert.equal(codes.filter((code) => code === "sign_in_rejected").length, SIGN_IN_FAILURES_MAX);
    assert.equal(codes.filter((code) => code === "rate_limited").length, 100 - SIGN_IN_FAILURES_MAX);
    assert.equal(await codeOf(openLimit().attempt("alice@example.com", right)), "rate_limited", "after a restart, too");
  });

  test("are counted anew where the window was begun under a clock that was far ahead", async () => {
    clock.advanceSeconds(86_400);
    for (let failure = 1; failure <= SIGN_IN_FAILURES_MAX; failure++) await fail();
    assert.equal(await fail(), "rate_limited");
    clock.advanceSeconds(-86_400);
    assert.equal(await limit.attempt("alice@example.com", right), "in");
  });
});
