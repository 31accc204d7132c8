import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { networkOf, parseIpAddress } from "./ip-address.ts";

test("an address has one spelling", () => {
  for (const [one, ...others] of [
    [
      "192.0.2.1",
      "::ffff:192.0.2.1",
      "::FFFF:c000:201",
      "0:0:0:0:0:ffff:192.0.2.1",
      "0::ffff:c000:0201",
      "::ffff:192.0.2.1%1",
    ],
    ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001", "2001:db8::1%eth0", "2001:db8::0.0.0.1"],
    ["fe80::1", "FE80::1%lo", "fe80::1%25eth0"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["::", "0::0"],
  ] as const) {
    for (const spelling of [one, ...others]) assert.equal(parseIpAddress(spelling), one, spelling);
  }
});

test("a text that isn't an address has none", () => {
  for (const text of [
    "",
    "unknown",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4:80",
    "[::1]",
    "::1::",
    ":",
    "g::1",
  ]) {
    assert.equal(parseIpAddress(text), undefined, text);
  }
});

test("an IPv6 address counts as its /64 network, an IPv4 address as itself in either form", () => {
  const network = networkOf("2001:db8::1");
  for (const same of ["2001:db8::2", "2001:db8:0:0:ffff::3", "2001:DB8:0000::", "2001:db8::1.2.3.4"]) {
    assert.equal(networkOf(same), network, same);
  }
  for (const other of ["2001:db8:0:1::1", "2001:db9::1", "::1"]) assert.notEqual(networkOf(other), network, other);
  assert.equal(networkOf("::ffff:192.0.2.1"), networkOf("192.0.2.1"));
  assert.notEqual(networkOf("::ffff:192.0.2.1"), networkOf("::ffff:192.0.2.2"));
  assert.equal(networkOf("unnamed-1"), "unnamed-1");
});

test("every spelling of an IPv6 address gives the same address and network", () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(
      fc.array(group, { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      (groups, isLong, isUpper) => {
        const written = groups.map((value) => value.toString(16).padStart(isLong ? 4 : 1, "0")).join(":");
        const text = isUpper ? written.toUpperCase() : written;
        const address = parseIpAddress(text);
        assert.ok(address !== undefined);
        assert.equal(parseIpAddress(address), address);
        assert.equal(networkOf(text), networkOf(address));
      },
    ),
  );
});

test("any text gives an address or none, and has a key to count it by", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), (text) => {
      const address = parseIpAddress(text);
      if (address !== undefined) assert.equal(parseIpAddress(address), address);
      assert.equal(typeof networkOf(text), "string");
    }),
  );
});
