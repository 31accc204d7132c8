import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readTokenVectors } from "../../testing/vectors.ts";
import { decodePayload, encodePayload, splitToken, TOKEN_CHARACTERS_MAX } from "./token-codec.ts";

const vectors = readTokenVectors();
const uint32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
const anyClaims = fc.record(
  { nonce: uint32, userId: uint32, expiresAtSeconds: uint32, keyId: uint32 },
  { noNullPrototype: true },
);

describe("a token's payload", () => {
  test("of the documented example decodes to its four integers", () => {
    assert.deepEqual(decodePayload("lM45vLVwAc5YUD5dAw"), {
      nonce: 968_668_528,
      userId: 1,
      expiresAtSeconds: 1_481_653_853,
      keyId: 3,
    });
    assert.equal(encodePayload(vectors.documentedExample.claims), vectors.documentedExample.payload);
  });

  for (const { name, claims, payload } of vectors.tokens) {
    test(`is written and read as in the vector: ${name}`, () => {
      assert.equal(encodePayload(claims), payload);
      assert.deepEqual(decodePayload(payload), claims);
    });
  }

  for (const { name, payload } of vectors.refusedPayloads) {
    test(`is refused in any other spelling: ${name}`, () => {
      assert.equal(decodePayload(payload), undefined);
    });
  }

  test("holds any four unsigned 32-bit integers", () => {
    fc.assert(fc.property(anyClaims, (claims) => assert.deepEqual(decodePayload(encodePayload(claims)), claims)));
  });

  test("has one spelling: whatever bytes decode, encode to themselves", () => {
    const nearly = fc.tuple(anyClaims, fc.nat(25), fc.nat(255)).map(([claims, at, byte]) => {
      const bytes = Buffer.from(encodePayload(claims), "base64url");
      bytes[at % bytes.length] = byte;
      return bytes.toString("base64url");
    });
    fc.assert(
      fc.property(
        fc.oneof(
          nearly,
          fc.uint8Array({ maxLength: 25 }).map((b) => Buffer.from(b).toString("base64url")),
        ),
        (text) => {
          const claims = decodePayload(text);
          if (claims !== undefined) assert.equal(encodePayload(claims), text);
        },
      ),
    );
  });

  for (const value of [-1, 0.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
    test(`can't hold ${value}`, () => {
      assert.throws(() => encodePayload({ nonce: 0, userId: 0, expiresAtSeconds: value, keyId: 0 }), {
        name: "RangeError",
        message: "a token holds unsigned 32-bit integers only",
      });
    });
  }
});

describe("a token's text", () => {
  const mac = "m".repeat(43);

  test("is the number, the payload and the MAC, which covers everything before the second dot", () => {
    assert.deepEqual(splitToken(`12.abc.${mac}`), {
      signingKeyNumber: 12,
      signedText: "12.abc",
      unverifiedPayload: "abc",
      unverifiedMac: mac,
    });
  });

  for (const number of ["", "0", "00", "01", "+1", "-1", " 1", "1 ", "1e0", "0x1", "1_0", "٣", "１", "12345678901"]) {
    test(`doesn't have the form of a token where its number is ${JSON.stringify(number)}`, () => {
      assert.equal(splitToken(`${number}.abc.${mac}`), undefined);
    });
  }

  for (const [name, text] of [
    ["nothing", ""],
    ["no dot", mac],
    ["one dot", `1.${mac}`],
    ["a MAC one character short", `1.abc.${mac.slice(1)}`],
    ["a MAC one character long", `1.abc.${mac}m`],
    ["a line feed behind", `1.abc.${mac}\n`],
    ["a scheme before", `Token 1.abc.${mac}`],
  ] as const) {
    test(`doesn't have the form of a token: ${name}`, () => {
      assert.equal(splitToken(text), undefined);
    });
  }

  test(`has at most ${TOKEN_CHARACTERS_MAX} characters, the length of the longest real token`, () => {
    const longest = vectors.tokens.find(({ name }) => name === "the greatest integers")?.payload ?? "";
    assert.equal(`4294967295.${longest}.${mac}`.length, TOKEN_CHARACTERS_MAX);
    assert.notEqual(splitToken(`4294967295.${longest}.${mac}`), undefined);
    assert.equal(splitToken(`4294967295.${longest}A.${mac}`), undefined);
    assert.equal(splitToken("1".repeat(10_000_000)), undefined);
  });
});
