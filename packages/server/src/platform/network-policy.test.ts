import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseNetworks } from "../core/networks.ts";
import { createNetworkPolicy, isPublic } from "./network-policy.ts";

/** One or more addresses of each special range (RFC 6890 and its successors), and the addresses next to some ranges' ends. */
const REFUSED = {
  "this network": ["0.0.0.0", "0.1.2.3", "0.255.255.255", "::"],
  loopback: ["127.0.0.1", "127.0.0.0", "127.255.255.255", "::1"],
  private: ["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
  "carrier-grade NAT": ["100.64.0.0", "100.127.255.255"],
  "link-local": ["169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1", "febf::1", "fe80::1%eth0"],
  "protocol assignments": ["192.0.0.1", "192.0.0.170"],
  documentation: ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"],
  benchmarking: ["198.18.0.0", "198.19.255.255", "2001:2::1"],
  "6to4 relay": ["192.88.99.1"],
  multicast: ["224.0.0.0", "239.255.255.255", "ff02::1"],
  reserved: ["240.0.0.0", "255.255.255.254"],
  broadcast: ["255.255.255.255"],
  "unique local": ["fc00::1", "fd00:ec2::254", "fdff::1"],
  "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:7f00:1", "0:0:0:0:0:ffff:a9fe:a9fe"],
  "IPv4-compatible": ["::127.0.0.1", "::8.8.8.8"],
  "IPv4-translated": ["::ffff:0:127.0.0.1"],
  NAT64: ["64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b::a00:1"],
  "6to4": ["2002:7f00:1::", "2002:808:808::1"],
  Teredo: ["2001::1", "2001:0:7f00:1::"],
  "discard-only": ["100::1"],
  "site-local and unassigned": ["fec0::1", "4000::1", "1000::1", "5f00::1", "e000::1"],
} as const;

const ALLOWED = [
  "8.8.8.8",
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "169.253.255.255",
  "169.255.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2606:4700:4700::1111",
  "2a00:1450:4001:80b::200e",
];

describe("an address that isn't public", () => {
  for (const [range, addresses] of Object.entries(REFUSED)) {
    test(`is refused: ${range}`, () => {
      const policy = createNetworkPolicy([]);
      for (const address of addresses) {
        assert.equal(isPublic(address), false, address);
        assert.equal(policy.isAllowed(address), false, address);
        assert.equal(policy.isNamed(address), false, address);
      }
    });
  }

  test("in a spelling that isn't an address is refused", () => {
    for (const text of [
      "",
      "localhost",
      "0x7f.1",
      "2130706433",
      "0177.0.0.1",
      "127.1",
      "8.8.8.8 ",
      "8.8.8.8\0",
      "[::1]",
    ]) {
      assert.equal(isPublic(text), false, text);
      assert.equal(createNetworkPolicy(["0.0.0.0/1"]).isAllowed(text), false, text);
    }
  });

  test("is allowed if the configuration names it, and then only that network", () => {
    const policy = createNetworkPolicy(parseNetworks(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]));
    for (const address of ["127.0.0.1", "10.1.2.3", "fd12::1"]) {
      assert.equal(policy.isAllowed(address) && policy.isNamed(address), true, address);
    }
    for (const address of ["127.0.0.2", "11.0.0.1%x", "192.168.0.1", "fc00::1", "::1"]) {
      assert.equal(policy.isAllowed(address), false, address);
    }
  });
});

test("a public address is allowed, also next to the ends of the ranges that aren't", () => {
  const policy = createNetworkPolicy([]);
  for (const address of ALLOWED) {
    assert.equal(policy.isAllowed(address), true, address);
    assert.equal(policy.isNamed(address), false, address);
  }
});
