import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../../core/refusal.ts";
import { createRefusalLimit, type RefusalLimit } from "./refusal-limit.ts";

function limitAt(limit: number): { limit: RefusalLimit; pass: (ms: number) => void } {
  let nowMs = 1000;
  const clock = { nowMicroseconds: () => 0, wallMs: () => 0, monotonicMs: () => nowMs };
  return {
    limit: createRefusalLimit(limit, clock),
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

function isLimited(limit: RefusalLimit, address: string): boolean {
  try {
    limit.check(address);
    return false;
  } catch (error) {
    assert.ok(error instanceof Refusal && error.code === "rate_limited");
    return true;
  }
}

test("a client is refused after as many refusals as are allowed, and not before", () => {
  const { limit } = limitAt(3);
  for (let count = 0; count < 3; count++) {
    assert.equal(isLimited(limit, "192.0.2.1"), false);
    limit.count("192.0.2.1");
  }
  assert.equal(isLimited(limit, "192.0.2.1"), true);
  assert.equal(isLimited(limit, "192.0.2.2"), false);
});

test("accepted requests aren't counted, however many", () => {
  const { limit } = limitAt(1);
  for (let count = 0; count < 1000; count++) assert.equal(isLimited(limit, "192.0.2.1"), false);
});

test("the limit ends exactly a minute after the window's first refusal", () => {
  const { limit, pass } = limitAt(1);
  limit.count("192.0.2.1");
  pass(59_999);
  assert.equal(isLimited(limit, "192.0.2.1"), true);
  pass(1);
  assert.equal(isLimited(limit, "192.0.2.1"), false);
});

test("the refusal says how long to wait, in Retry-After and in the RateLimit fields", () => {
  const { limit, pass } = limitAt(2);
  limit.count("192.0.2.1");
  limit.count("192.0.2.1");
  pass(22_500);
  assert.throws(
    () => limit.check("192.0.2.1"),
    (error) =>
      error instanceof Refusal &&
      error.message === "2 requests from this address were refused within a minute." &&
      error.detail.retryAfterSeconds === 38 &&
      error.detail.rateLimit?.policy === '"refusals";q=2;w=60' &&
      error.detail.rateLimit.state === '"refusals";r=0;t=38',
  );
});

test("0 means no limit", () => {
  const { limit } = limitAt(0);
  for (let count = 0; count < 5000; count++) limit.count("192.0.2.1");
  assert.equal(isLimited(limit, "192.0.2.1"), false);
});

test("all addresses of an IPv6 /64 are one client, in any spelling", () => {
  const { limit } = limitAt(1);
  limit.count("2001:db8:0:1::1");
  for (const address of ["2001:db8:0:1::2", "2001:0DB8:0000:0001:ffff:ffff:ffff:ffff", "2001:db8::1:0:0:0:9"]) {
    assert.equal(isLimited(limit, address), true, address);
  }
  assert.equal(isLimited(limit, "2001:db8:0:2::1"), false);
  assert.equal(isLimited(limit, "::1"), false);
});

test("an IPv4 address counts the same where the listener is dual-stack", () => {
  const { limit } = limitAt(1);
  limit.count("::ffff:192.0.2.1");
  assert.equal(isLimited(limit, "192.0.2.1"), true);
  assert.equal(isLimited(limit, "::ffff:192.0.2.2"), false);
});

test("memory is bounded: the clients refused longest ago are forgotten first", () => {
  const { limit } = limitAt(1);
  for (let client = 0; client < 60_000; client++)
    limit.count(`10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`);
  assert.equal(isLimited(limit, "10.0.0.0"), false);
  assert.equal(isLimited(limit, "10.0.234.95"), true);
});
