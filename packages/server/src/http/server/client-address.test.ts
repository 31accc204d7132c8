import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createClientAddress } from "./client-address.ts";
import { createTrustedProxies } from "./trusted-proxies.ts";

const PROXY = "10.0.0.1";
const clientAddress = createClientAddress(createTrustedProxies(["10.0.0.0/8", "2001:db8:ffff::/48"]));

/** The parts of a request that are read. */
function requestFrom(remoteAddress: string | undefined, headers: Readonly<Record<string, string>>): IncomingMessage {
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

const behind = (headers: Readonly<Record<string, string>>) => clientAddress(requestFrom(PROXY, headers));
const forwardedFor = (value: string) => behind({ "x-forwarded-for": value });
const forwarded = (value: string) => behind({ forwarded: value });

describe("a client's address", () => {
  test("is the peer's, whatever the request's headers claim, unless the peer is a trusted proxy", () => {
    const headers = { "x-forwarded-for": "192.0.2.9", forwarded: "for=192.0.2.9" };
    for (const from of [clientAddress, createClientAddress(createTrustedProxies([]))]) {
      assert.equal(from(requestFrom("192.0.2.1", headers)), "192.0.2.1");
      assert.equal(from(requestFrom("::ffff:192.0.2.1", headers)), "192.0.2.1");
      assert.equal(from(requestFrom("fe80::1%eth0", headers)), "fe80::1");
      assert.equal(from(requestFrom(undefined, headers)), "unknown");
    }
    assert.equal(behind({}), PROXY);
    assert.equal(clientAddress(requestFrom(`::ffff:${PROXY}`, headers)), "192.0.2.9");
  });

  test("is read in every form that proxies write", () => {
    for (const hop of [
      "192.0.2.1",
      "192.0.2.1:5678",
      "::ffff:192.0.2.1",
      "::ffff:c000:0201",
      "[::ffff:192.0.2.1]:443",
      "[192.0.2.1]",
    ]) {
      for (const text of [hop, ` ${hop}\t`, `"${hop}"`, `203.0.113.1, ${hop}`, `x,,${hop}, ,`]) {
        assert.equal(forwardedFor(text), "192.0.2.1", text);
      }
    }
    for (const hop of [
      "2001:db8::1",
      "2001:DB8::1",
      "[2001:db8::1]",
      "[2001:db8::1]:443",
      "2001:db8::1%eth0",
      "[2001:db8::1%25eth0]:1",
      "2001:db8:0:0:0:0:0:1:443",
    ]) {
      for (const text of [hop, `"${hop}"`]) assert.equal(forwardedFor(text), "2001:db8::1", text);
    }
  });

  test("is the first from the right that isn't a trusted proxy's; the client may have written everything left of it", () => {
    assert.equal(forwardedFor("203.0.113.1, 192.0.2.1, 10.0.0.2, [2001:db8:ffff::1]:443, 10.0.0.3:80"), "192.0.2.1");
    assert.equal(forwardedFor(`${"10.0.0.9, ".repeat(1000)}192.0.2.1`), "192.0.2.1");
    assert.equal(forwardedFor('"203.0.113.1, 192.0.2.1'), "192.0.2.1");
    // Where all are trusted proxies, the leftmost is the client.
    assert.equal(forwardedFor("10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert.equal(forwardedFor(""), PROXY);
    assert.equal(forwardedFor(" , ,"), PROXY);
  });

  test("that a proxy withholds counts as a client of its own, and not as the proxy; the text isn't exposed", () => {
    const names = new Set<string>();
    const hops = [
      "unknown",
      "_hidden",
      "hello",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3.4:x y",
      "x".repeat(16_000),
      "[::1",
      '""',
      "é",
    ];
    for (const hop of hops) {
      const name = forwardedFor(`192.0.2.1, ${hop}, 10.0.0.2`);
      assert.match(name, /^(unknown|unnamed-[0-9a-f]{16})$/);
      assert.equal(forwardedFor(` ${hop.toUpperCase()} `), name);
      names.add(name);
    }
    assert.equal(names.size, hops.length);
  });

  test("is read from Forwarded in the syntax of RFC 7239", () => {
    for (const [text, address] of [
      ["for=192.0.2.1", "192.0.2.1"],
      ["For=192.0.2.1;proto=https;by=10.0.0.1", "192.0.2.1"],
      ['proto=https; FOR="192.0.2.1:47011" ;host="a,b;c=d"', "192.0.2.1"],
      ['for="[2001:db8::17]:4711"', "2001:db8::17"],
      ['for="[2001:db8::17]:_port"', "2001:db8::17"],
      ['for="\\192.0.2.1"', "192.0.2.1"],
      ["for=203.0.113.1, for=192.0.2.1, for=10.0.0.2", "192.0.2.1"],
      ['for=192.0.2.1, for="10.0.0.2:1";by="[2001:db8:ffff::1]:2"', "192.0.2.1"],
      ['for=10.0.0.2;host="\\"", for=192.0.2.1', "192.0.2.1"],
      // A client's unclosed quote doesn't swallow what a proxy appended.
      ['for="203.0.113.1, for=192.0.2.1;proto=http', "192.0.2.1"],
      ['for="203.0.113.1;host="x, for="192.0.2.1"', "192.0.2.1"],
      ["for=unknown", "unknown"],
      ["proto=https", "unknown"],
      ["for=192.0.2.1;for=192.0.2.2", "unknown"],
      ["for=203.0.113.1, proto=https", "unknown"],
      ["", PROXY],
    ] as const) {
      assert.equal(forwarded(text), address, text);
    }
    assert.match(forwarded('for="_gazonk"'), /^unnamed-/);
    assert.equal(forwarded("for=_gazonk"), forwarded('for="_GAZONK"'));
  });

  test("is never taken from Forwarded where there is an X-Forwarded-For: a client may have sent the former", () => {
    assert.equal(behind({ "x-forwarded-for": "192.0.2.1", forwarded: "for=203.0.113.1" }), "192.0.2.1");
    assert.equal(behind({ "x-forwarded-for": "", forwarded: "for=203.0.113.1" }), PROXY);
  });
});

describe("any header", () => {
  const hops = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((address) => `"[${address}]:443"`),
    fc.constantFrom("unknown", "_x", "", '"', "\\", "[", "for=", "10.0.0.2", "for=10.0.0.2", ";", " "),
    fc.string({ maxLength: 20 }),
  );
  const lists = fc.array(hops, { maxLength: 20 }).map((list) => list.join(","));

  test("gives a short name, and never throws", () => {
    fc.assert(
      fc.property(lists, fc.constantFrom("x-forwarded-for", "forwarded"), (list, name) => {
        const address = behind({ [name]: list });
        assert.ok(address.length > 0 && address.length <= 45, address);
      }),
    );
  });

  test("is the one that a proxy appended, whatever the client had sent before", () => {
    fc.assert(
      fc.property(lists, fc.oneof(fc.ipV4(), fc.ipV6()), (list, address) => {
        const alone = forwardedFor(address);
        fc.pre(!alone.startsWith("10."));
        assert.equal(forwardedFor(`${list}, ${address}`), alone);
        assert.equal(forwarded(`${list}, for="[${address}]:1";proto=https`), alone);
      }),
    );
  });

  test("is never the proxy's where an entry comes from beyond it", () => {
    fc.assert(
      fc.property(lists, (list) => {
        const isBeyond = list.split(",").some((hop) => hop.trim() !== "" && !hop.trim().startsWith("10."));
        if (isBeyond) assert.notEqual(forwardedFor(list), PROXY);
      }),
    );
  });

  test("is found behind gateways that reach each other by Unix sockets", () => {
    const local = createClientAddress(createTrustedProxies(["unix:"]));
    const from = (value: string) => local(requestFrom("unix:", { "x-forwarded-for": value }));
    assert.equal(from("192.0.2.1"), "192.0.2.1");
    assert.equal(from("192.0.2.1, unix:"), "192.0.2.1");
    assert.equal(from("192.0.2.9, 192.0.2.1, unix:"), "192.0.2.1");
    assert.equal(from("unix:"), "unix:");
    assert.equal(clientAddress(requestFrom("unix:", { "x-forwarded-for": "192.0.2.1" })), "unix:");
    assert.match(forwardedFor("192.0.2.1, unix:"), /^unix:$/);
  });
});
