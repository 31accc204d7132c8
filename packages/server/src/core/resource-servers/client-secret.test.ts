import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import { createTestRandom } from "../../testing/test-random.ts";
import type { Random } from "../surroundings.ts";
import { hashClientSecret, isClientSecret, makeClientSecret, matchesSecretHash } from "./client-secret.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secret = makeClientSecret(createSystemRandom());

function randomOf(bytes: Uint8Array): Random {
  return {
    uint32: () => assert.fail("nothing but the bytes is drawn"),
    bytes(length) {
      assert.equal(length, bytes.length);
      return Buffer.from(bytes);
    },
  };
}

/** Base 62, computed differently than in the product. */
function decode(text: string): bigint {
  let value = 0n;
  for (const character of text) value = value * 62n + BigInt(ALPHABET.indexOf(character));
  return value;
}

describe("a resource server's secret", () => {
  test("is csrs_ followed by letters and digits only, and always has the same length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const made = makeClientSecret(randomOf(bytes));
        assert.match(made, /^csrs_[0-9A-Za-z]{49}$/);
        assert.equal(isClientSecret(made), true);
      }),
    );
    for (const byte of [0, 255]) {
      assert.match(makeClientSecret(randomOf(Buffer.alloc(32, byte))), /^csrs_[0-9A-Za-z]{49}$/);
    }
  });

  test("carries all 256 random bits, and a CRC-32 of what stands before it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const made = makeClientSecret(randomOf(bytes));
        assert.equal(decode(made.slice(5, 48)), BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
        assert.equal(decode(made.slice(48)), BigInt(crc32(made.slice(0, 48))));
      }),
    );
  });

  test("is different each time", () => {
    const random = createTestRandom();
    assert.notEqual(makeClientSecret(random), makeClientSecret(random));
  });

  test("is invalid once any one of its characters is changed", () => {
    for (let at = 0; at < secret.length; at++) {
      for (const character of `${ALPHABET}_-+ ü`) {
        if (character === secret[at]) continue;
        const changed = secret.slice(0, at) + character + secret.slice(at + 1);
        assert.equal(isClientSecret(changed), false, changed);
      }
    }
  });

  test("is invalid with anything added or missing, as is any other text", () => {
    for (const text of [
      "",
      "csrs_",
      secret.slice(1),
      secret.slice(0, -1),
      `${secret}0`,
      `${secret}\n`,
      ` ${secret}`,
      `\n${secret}`,
      secret.toLowerCase(),
      secret.replace("csrs_", "csat_"),
      secret.replace("csrs_", "CSRS_"),
    ]) {
      assert.equal(isClientSecret(text), false, JSON.stringify(text));
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 70 }), (text) => {
        assert.equal(isClientSecret(text), false);
        assert.equal(isClientSecret(`csrs_${text}`), false);
      }),
    );
  });
});

describe("the hash of a secret", () => {
  test("is its SHA-256 in hex, and matches only this secret", () => {
    const hash = hashClientSecret(secret);
    assert.equal(hash, createHash("sha256").update(secret).digest("hex"));
    assert.equal(matchesSecretHash(secret, hash), true);
    const other = makeClientSecret(createSystemRandom());
    assert.equal(matchesSecretHash(other, hash), false);
    assert.equal(matchesSecretHash(hash, hash), false, "the hash isn't accepted as the secret");
    assert.equal(matchesSecretHash(secret, hash.toUpperCase()), false);
    assert.equal(matchesSecretHash(secret, ""), false);
  });
});
