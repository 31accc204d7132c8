import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionLimits } from "./connection-limits.ts";

const settings = { connectionsMax: undefined, connectionsPerAddressMax: undefined, trustedProxies: [] };

test("both listeners and the store's files fit into the available descriptors", () => {
  for (const spare of [24, 33, 64, 200, 1000, 4000, 19_970, 1_000_000]) {
    const { public: publicLimits, internal } = connectionLimits(settings, spare, 0);
    assert.ok(publicLimits.max + internal.max + 12 <= spare, String(spare));
    assert.ok(publicLimits.max >= 8 && internal.max >= 2, String(spare));
    assert.ok(publicLimits.reserved < publicLimits.max && internal.reserved < internal.max);
  }
});

test("a listener has places even if no descriptor seems to be left", () => {
  const { public: publicLimits, internal } = connectionLimits(settings, 3, 12);
  assert.ok(publicLimits.max > 0 && internal.max > 0 && publicLimits.perAddressMax > 0);
});

test("connections to the database are counted", () => {
  assert.equal(connectionLimits(settings, 512, 100).public.max + 75, connectionLimits(settings, 512, 0).public.max);
});

test("a setting lowers the limit, and raises it only as far as the descriptors suffice", () => {
  const limitOf = (connectionsMax: number, spare: number | undefined) =>
    connectionLimits({ ...settings, connectionsMax }, spare, 0).public.max;
  assert.equal(limitOf(50, 1000), 50);
  assert.equal(limitOf(50_000, undefined), 50_000);
  assert.ok(limitOf(50_000, 1000) < 1000);
  assert.equal(connectionLimits(settings, undefined, 0).public.max, 16_384);
});

test("one address may have half of the places, or as many as the setting says", () => {
  assert.equal(connectionLimits(settings, undefined, 0).public.perAddressMax, 8192);
  const set = { ...settings, connectionsPerAddressMax: 7 };
  assert.equal(connectionLimits(set, undefined, 0).public.perAddressMax, 7);
});

test("a client is an IPv4 address or an IPv6 network, and a trusted proxy isn't a client", () => {
  const { clientOf } = connectionLimits({ ...settings, trustedProxies: ["10.0.0.0/8", "fd00::/8"] }, 1000, 0).public;
  assert.equal(clientOf("192.0.2.1"), clientOf("::ffff:192.0.2.1"));
  assert.equal(clientOf("2001:db8::1"), clientOf("2001:db8:0:0:ffff::2"));
  assert.notEqual(clientOf("2001:db8::1"), clientOf("2001:db8:0:1::1"));
  for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"]) assert.equal(clientOf(address), undefined, address);
});

test("the internal listener has no limit by address, since all operators share one behind a tunnel", () => {
  const { internal } = connectionLimits(settings, 1000, 0);
  assert.equal(internal.clientOf("192.0.2.1"), undefined);
});
