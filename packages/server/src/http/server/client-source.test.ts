import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { createClientAddress } from "./client-address.ts";
import { createClientSource } from "./client-source.ts";
import { createTrustedProxies } from "./trusted-proxies.ts";

const PROXY = "10.0.0.1";
const CLIENT = "192.0.2.1";

function sourceFor(trustedProxies: readonly string[], isBehindUnnamedProxy = false) {
  const proxies = createTrustedProxies(trustedProxies);
  return createClientSource(proxies, createClientAddress(proxies), isBehindUnnamedProxy);
}

const trusting = sourceFor(["10.0.0.0/8"]);
const direct = sourceFor([]);

function requestFrom(
  remoteAddress: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): IncomingMessage {
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe("the source of a request", () => {
  test("is the peer's address where no header says that the peer forwards", () => {
    for (const source of [direct, trusting]) {
      for (const [peer, address] of [
        [CLIENT, CLIENT],
        [`::ffff:${CLIENT}`, CLIENT],
        ["2001:DB8::1", "2001:db8::1"],
        ["fe80::1%eth0", "fe80::1"],
        ["127.0.0.1", "127.0.0.1"],
      ] as const) {
        assert.deepEqual(source.find(requestFrom(peer, { host: "auth.example", via: "1.1 cache" })), { address });
      }
    }
  });

  for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-proto", "x-forwarded-host"]) {
    test(`isn't known from a peer that isn't trusted and sends ${name}, even empty`, () => {
      for (const value of [CLIENT, `for=${CLIENT}`, ""]) {
        for (const source of [direct, trusting]) {
          assert.deepEqual(source.find(requestFrom(CLIENT, { [name]: value })), { problem: "proxy_untrusted" });
          assert.deepEqual(source.find(requestFrom("127.0.0.1", { [name]: value })), { problem: "proxy_untrusted" });
        }
      }
    });
  }

  test("is what a trusted proxy names, and never the proxy", () => {
    assert.deepEqual(trusting.find(requestFrom(PROXY, { "x-forwarded-for": CLIENT })), { address: CLIENT });
    assert.deepEqual(trusting.find(requestFrom(`::ffff:${PROXY}`, { forwarded: `for=${CLIENT}` })), {
      address: CLIENT,
    });
    assert.deepEqual(trusting.find(requestFrom(PROXY, { "x-forwarded-for": `203.0.113.1, ${CLIENT}, 10.0.0.2` })), {
      address: CLIENT,
    });
    for (const headers of [
      {},
      { "x-forwarded-for": "" },
      { "x-forwarded-for": " , ," },
      { "x-forwarded-for": "", forwarded: `for=${CLIENT}` },
      { forwarded: "" },
      { "x-real-ip": CLIENT },
    ]) {
      assert.deepEqual(
        trusting.find(requestFrom(PROXY, headers)),
        { problem: "proxy_silent" },
        JSON.stringify(headers),
      );
    }
  });

  test("isn't known where something else stands in an address's place", () => {
    for (const text of ["unknown", "_hidden", "1.2.3", "256.0.0.1", "x".repeat(10_000)]) {
      assert.deepEqual(trusting.find(requestFrom(PROXY, { "x-forwarded-for": text })), { problem: "unreadable" });
    }
    assert.deepEqual(trusting.find(requestFrom(PROXY, { forwarded: "proto=https" })), { problem: "unreadable" });
    for (const source of [direct, trusting]) {
      assert.deepEqual(source.find(requestFrom(undefined)), { problem: "unreadable" });
    }
  });

  test("is no peer's address where a proxy stands in front that isn't named", () => {
    const behind = sourceFor([], true);
    for (const peer of [CLIENT, PROXY, "127.0.0.1"]) {
      assert.deepEqual(behind.find(requestFrom(peer)), { problem: "proxy_untrusted" });
    }
  });
});

describe("the client that a gateway names", () => {
  test("is believed from a trusted proxy alone", () => {
    assert.deepEqual(trusting.findNamed(requestFrom(PROXY, { "x-forwarded-for": CLIENT })), { address: CLIENT });
    assert.deepEqual(trusting.findNamed(requestFrom(PROXY, { "x-forwarded-for": "unknown" })), {
      problem: "unreadable",
    });
    for (const [source, peer, headers] of [
      [trusting, PROXY, {}],
      [trusting, PROXY, { "x-real-ip": CLIENT }],
      [trusting, "203.0.113.1", { "x-forwarded-for": CLIENT }],
      [trusting, "203.0.113.1", {}],
      [direct, PROXY, { "x-forwarded-for": CLIENT }],
      [direct, undefined, {}],
    ] as const) {
      assert.equal(source.findNamed(requestFrom(peer, headers)), undefined);
    }
  });

  test("is named by a gateway at a Unix socket only if unix: is trusted", () => {
    const request = requestFrom("unix:", { "x-forwarded-for": CLIENT });
    assert.deepEqual(sourceFor(["unix:"], false).find(request), { address: CLIENT });
    assert.deepEqual(sourceFor(["unix:"], false).find(requestFrom("unix:")), { problem: "proxy_silent" });
    assert.deepEqual(sourceFor(["127.0.0.1"], true).find(request), { problem: "proxy_untrusted" });
    assert.deepEqual(sourceFor([], true).find(requestFrom("unix:")), { problem: "proxy_untrusted" });
  });
});
