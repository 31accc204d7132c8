import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { quoteName, Refusal } from "./refusal.ts";

describe("a refusal", () => {
  test("is an error with a code, a message and, where there is one, the cause for the log", () => {
    const cause = new Error("inside");
    const refusal = new Refusal("unavailable", "Not now.", { cause, retryAfterSeconds: 1 });
    assert.ok(refusal instanceof Error);
    assert.equal(refusal.name, "Refusal");
    assert.equal(refusal.code, "unavailable");
    assert.equal(refusal.message, "Not now.");
    assert.equal(refusal.cause, cause);
    assert.equal(refusal.detail.retryAfterSeconds, 1);
    assert.equal("cause" in new Refusal("internal", "Sorry."), false);
  });
});

describe("a name in a message", () => {
  test("is repeated where it is short and plain", () => {
    assert.equal(quoteName("RS256"), '"RS256"');
    assert.equal(quoteName("x".repeat(20)), `"${"x".repeat(20)}"`);
  });

  test("is described where it isn't", () => {
    assert.equal(quoteName("x".repeat(21)), "not a name that this service knows");
    assert.equal(quoteName(""), "not a name that this service knows");
    assert.equal(quoteName("a\n"), "not a name that this service knows");
    assert.equal(quoteName(undefined), "missing");
    for (const value of [null, 1, {}, [], Symbol.iterator]) assert.equal(quoteName(value), "not a string");
  });

  test("adds at most twenty plain characters to a message, whatever was sent", () => {
    fc.assert(
      fc.property(fc.anything(), (name) => {
        assert.match(
          quoteName(name),
          /^("[A-Za-z0-9._+-]{1,20}"|missing|not a string|not a name that this service knows)$/,
        );
      }),
    );
  });
});
