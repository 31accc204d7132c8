import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatTokenId, parseTokenId } from "./token-identity.ts";

const uint32 = fc.nat({ max: 0xffff_ffff });
const identity = fc.record({ keyId: uint32, expiresAtSeconds: uint32, nonce: uint32 }, { noNullPrototype: true });

describe("a token's id", () => {
  test("consists of key, end and nonce", () => {
    assert.equal(
      formatTokenId({ keyId: 3, expiresAtSeconds: 1_481_653_854, nonce: 968_668_528 }),
      "3-1481653854-968668528",
    );
  });

  test("parses back to what it was made from, whatever the numbers", () => {
    fc.assert(
      fc.property(identity, (token) => {
        const text = formatTokenId(token);
        assert.match(text, /^[A-Za-z0-9-]+$/, "as introspection promises it");
        assert.deepEqual(parseTokenId(text), token);
      }),
    );
  });

  test("has one spelling: no other text parses to the same token", () => {
    for (const text of [
      "",
      "-",
      "1-2",
      "1-2-3-4",
      "1-2-",
      "-1-2-3",
      "1--2-3",
      "a-2-3",
      "1-2-3 ",
      " 1-2-3",
      "1-2-3\n",
    ]) {
      assert.equal(parseTokenId(text), undefined, JSON.stringify(text));
    }
    for (const text of [
      "01-2-3",
      "1-02-3",
      "1-2-03",
      "00-2-3",
      "1-2-4294967296",
      "9999999999-2-3",
      "１-2-3",
      "1e1-2-3",
    ]) {
      assert.equal(parseTokenId(text), undefined, JSON.stringify(text));
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789-".split("")), maxLength: 34 }), (text) => {
        const parsed = parseTokenId(text);
        if (parsed !== undefined) assert.equal(formatTokenId(parsed), text);
      }),
      { numRuns: 2000 },
    );
  });
});
