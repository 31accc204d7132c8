import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compileNetworks, isInNetworks, NETWORKS_MAX, parseNetworks } from "./networks.ts";
import { Refusal } from "./refusal.ts";

function refuses(texts: readonly string[], says: RegExp): void {
  assert.throws(
    () => parseNetworks(texts),
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.code, "field_invalid");
      assert.match(error.message, says);
      assert.deepEqual(error.detail.fields, [{ field: "/networks", message: error.message }]);
      return true;
    },
  );
}

/** Is the address in one of the networks? */
const isIn = (networks: readonly string[], address: string) =>
  isInNetworks(compileNetworks(parseNetworks(networks)), address);

describe("networks", () => {
  for (const [given, canonical] of [
    ["192.0.2.0/24", "192.0.2.0/24"],
    ["192.0.2.7", "192.0.2.7/32"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["128.0.0.0/1", "128.0.0.0/1"],
    ["2001:db8::/32", "2001:db8::/32"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1/128"],
    ["2001:0db8::0/32", "2001:db8::/32"],
    ["::1", "::1/128"],
    ["::192.0.2.1", "::c000:201/128"],
    ["64:ff9b::192.0.2.1/128", "64:ff9b::c000:201/128"],
    ["::ffff:192.0.2.0/120", "192.0.2.0/24"],
    ["::ffff:c000:0201", "192.0.2.1/32"],
    ["fe80::/10", "fe80::/10"],
  ] as const) {
    test(`are stored in one form: ${given} as ${canonical}`, () => {
      assert.deepEqual(parseNetworks([given]), [canonical]);
      assert.deepEqual(parseNetworks([canonical]), [canonical]);
    });
  }

  test("keep their order, without duplicates in any spelling", () => {
    assert.deepEqual(
      parseNetworks(["2001:db8::/32", "192.0.2.7", "::ffff:192.0.2.7", "2001:DB8:0::/32", "192.0.2.7/32"]),
      ["2001:db8::/32", "192.0.2.7/32"],
    );
    assert.deepEqual(parseNetworks([]), []);
  });

  for (const text of [
    "",
    " ",
    "/",
    "/24",
    "192.0.2.0/",
    "192.0.2.0/024",
    "192.0.2.0/+24",
    "192.0.2.0/2 4",
    "192.0.2.0/24/24",
    "192.0.2.0/255.255.255.0",
    "192.0.2.0/24,198.51.100.0/24",
    " 192.0.2.0/24",
    "192.0.2.0/24\n",
    "192.0.2",
    "192.0.2.",
    "192.0.2.0.0",
    "192.0.2.256",
    "192.0.02.0/24",
    "0300.0.2.0/24",
    "0xc0.0.2.0/24",
    "3221225984",
    "192.0.2.0:80",
    "192.0.2.*",
    "192.0.2.0-192.0.2.9",
    "2001:db8:::/32",
    "2001:db8::g/32",
    "[2001:db8::]/32",
    "fe80::1%eth0",
    "fe80::%25eth0/10",
    "::ffff:192.0.2.0.0",
    "::1]@[::2",
    "١٩٢.0.2.0",
    "１９２.0.2.0/24",
    "localhost",
    "\u001b[31m",
    "1".repeat(100_000),
  ]) {
    test(`refuse ${JSON.stringify(text.slice(0, 40))}`, () => {
      refuses([text], /isn't a network/);
      refuses(["192.0.2.0/24", text], /isn't a network/);
    });
  }

  test("refuse a prefix that is longer than the address", () => {
    refuses(["192.0.2.0/33"], /^"192\.0\.2\.0\/33" isn't a network: the length of its prefix must be from 1 to 32\.$/);
    refuses(["2001:db8::/129"], /must be from 1 to 128\.$/);
    refuses(["192.0.2.0/999"], /must be from 1 to 32\.$/);
    refuses(["::ffff:192.0.2.0/24"], /must be from 96 to 128\.$/);
  });

  test("refuse bits beyond the prefix, and name both networks that may be meant", () => {
    refuses(
      ["192.0.2.7/24"],
      /^"192\.0\.2\.7\/24" has bits set beyond its prefix\. Write 192\.0\.2\.0\/24 for the network, or 192\.0\.2\.7\/32 for the address\.$/,
    );
    refuses(["2001:db8::1/32"], /Write 2001:db8::\/32 for the network, or 2001:db8::1\/128 for the address\.$/);
    refuses(["::ffff:192.0.2.7/120"], /Write 192\.0\.2\.0\/24 for the network, or 192\.0\.2\.7\/32 for the address\.$/);
  });

  test("refuse a network of every address, which would limit nothing", () => {
    for (const text of ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "192.0.2.7/0"]) refuses([text], /limits nothing/);
  });

  test(`are at most ${NETWORKS_MAX}`, () => {
    const many = Array.from({ length: NETWORKS_MAX }, (_, at) => `10.0.0.${at}`);
    assert.equal(parseNetworks(many).length, NETWORKS_MAX);
    refuses([...many, "10.0.1.0"], /^At most 50 networks are allowed\.$/);
    refuses([...many, "10.0.0.1"], /^At most 50/);
  });

  test("quote a hostile text without its control characters, and shortened", () => {
    refuses(["\u001b[31m\u202e"], /^"\?\[31m\?" isn't a network/);
    refuses(["x".repeat(100_000)], /^"x{63}…" isn't a network/);
  });

  test("give a list or a refusal for any texts, never a defect", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF:./%[]x -".split("")) }),
      fc
        .tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), fc.integer({ min: -1, max: 200 }))
        .map(([a, p]) => `${a}/${p}`),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (texts) => {
        let parsed: readonly string[];
        try {
          parsed = parseNetworks(texts);
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
          return;
        }
        for (const each of parsed) assert.match(each, /^[0-9a-f:.]+\/[1-9]\d{0,2}$/);
        assert.deepEqual(parseNetworks(parsed), parsed);
        compileNetworks(parsed);
      }),
      { numRuns: 3000 },
    );
  });

  test("take the same spellings for addresses as Node.js does, except zones", () => {
    const spelling = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV4Extended(),
      fc.string({ unit: fc.constantFrom(..."0123456789abcdefF:.".split("")), maxLength: 45 }),
    );
    fc.assert(
      fc.property(spelling, (text) => {
        let isTaken = true;
        try {
          parseNetworks([text]);
        } catch {
          isTaken = false;
        }
        assert.equal(isTaken, isIPv4(text) || isIPv6(text), text);
      }),
      { numRuns: 5000 },
    );
  });
});

/** An address as its bits. */
type Bits = string;
const bitsOf = (bytes: readonly number[]): Bits => bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
const ipv4Text = (bytes: readonly number[]) => bytes.join(".");
const ipv6Text = (bytes: readonly number[]) =>
  Array.from({ length: 8 }, (_, at) => (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16)).join(":");

describe("membership", () => {
  test("includes a network's first and last address, and not their neighbours", () => {
    for (const address of ["192.0.2.128", "192.0.2.191"]) assert.ok(isIn(["192.0.2.128/26"], address), address);
    for (const address of ["192.0.2.127", "192.0.2.192"]) assert.ok(!isIn(["192.0.2.128/26"], address), address);
    for (const address of ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]) {
      assert.ok(isIn(["2001:db8::/32"], address), address);
    }
    for (const address of ["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"]) {
      assert.ok(!isIn(["2001:db8::/32"], address), address);
    }
  });

  test("is that of any of the networks, and of none in an empty list", () => {
    const networks = ["192.0.2.7", "2001:db8::/32", "10.0.0.0/8"];
    for (const address of ["192.0.2.7", "2001:db8::1", "10.255.0.1"]) assert.ok(isIn(networks, address), address);
    for (const address of ["192.0.2.8", "2001:db9::1", "11.0.0.1"]) assert.ok(!isIn(networks, address), address);
    assert.ok(!isIn([], "192.0.2.7"));
  });

  test("of an IPv4 address is decided by IPv4 networks alone, in whatever form both are written", () => {
    for (const address of ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"]) {
      assert.ok(isIn(["192.0.2.0/24"], address), address);
      assert.ok(isIn(["::ffff:192.0.2.0/120"], address), address);
      assert.ok(!isIn(["::/1"], address), address);
    }
    // An IPv6 address with the same last bits is another address.
    for (const address of ["::192.0.2.7", "64:ff9b::192.0.2.7"]) assert.ok(!isIn(["192.0.2.0/24"], address), address);
  });

  test("of a text that isn't an address is denied", () => {
    const everything = ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"];
    assert.ok(isIn(everything, "255.255.255.255"));
    for (const text of ["", "unknown", "unnamed-0123456789abcdef", "0xc0.0.2.1", "192.0.2.7:80", "1", "fe80::1%eth0"]) {
      assert.ok(!isIn(everything, text), text);
    }
  });

  test("agrees with comparing the leading bits one by one", () => {
    const address = fc.oneof(
      fc.array(fc.constantFrom(0, 1, 127, 128, 254, 255), { minLength: 4, maxLength: 4 }),
      fc.array(fc.constantFrom(0, 1, 128, 255), { minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [...bytes]),
    );
    const network = fc.tuple(address, fc.integer({ min: 1, max: 128 })).map(([bytes, length]) => {
      const prefix = Math.min(length, bytes.length * 8);
      const masked = bytes.map((byte, at) => {
        const kept = Math.max(0, Math.min(8, prefix - at * 8));
        return byte & (0xff00 >> kept) & 0xff;
      });
      return { bytes: masked, prefix };
    });
    const isMapped = (bytes: readonly number[]) =>
      bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
    const text = (bytes: readonly number[]) => (bytes.length === 4 ? ipv4Text(bytes) : ipv6Text(bytes));
    fc.assert(
      fc.property(fc.array(network, { maxLength: 6 }), address, (networks, client) => {
        fc.pre(!isMapped(client) && networks.every(({ bytes }) => !isMapped(bytes)));
        const expected = networks.some(
          ({ bytes, prefix }) =>
            bytes.length === client.length && bitsOf(bytes).slice(0, prefix) === bitsOf(client).slice(0, prefix),
        );
        assert.equal(
          isIn(
            networks.map(({ bytes, prefix }) => `${text(bytes)}/${prefix}`),
            text(client),
          ),
          expected,
        );
      }),
      { numRuns: 3000 },
    );
  });
});
