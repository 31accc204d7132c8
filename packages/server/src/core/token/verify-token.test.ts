import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  storeSigningKeys,
  TEST_MASTER_SECRET,
  TEST_STORE_ID,
  testSigningKeys,
} from "../../testing/test-signing-keys.ts";
import { readTokenVectors } from "../../testing/vectors.ts";
import { mintToken } from "./mint-token.ts";
import { deriveSigningKeys, masterSecretFingerprint } from "../signing-keys/signing-keys.ts";
import { verifyToken } from "./verify-token.ts";

const vectors = readTokenVectors();
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyClaims = fc.record(
  { nonce: uint32, userId: uint32, expiresAtSeconds: uint32, keyId: uint32 },
  { noNullPrototype: true },
);
const signingKeys = testSigningKeys(1, 2);
const example = vectors.documentedExample.claims;

describe("a minted token", () => {
  for (const { name, signingKeyNumber, claims, token } of vectors.tokens) {
    test(`is byte for byte what an independent implementation makes: ${name}`, () => {
      const keys = testSigningKeys(signingKeyNumber);
      assert.equal(mintToken(keys, claims), token);
      assert.deepEqual(verifyToken(keys, token), claims);
    });
  }

  for (const { name, signingKeyNumber, claims, token } of vectors.boundToStore.tokens) {
    test(`is byte for byte what an independent implementation makes in a store with an id: ${name}`, () => {
      const keys = storeSigningKeys(vectors.boundToStore.storeId, signingKeyNumber);
      assert.equal(mintToken(keys, claims), token);
      assert.deepEqual(verifyToken(keys, token), claims);
    });
  }

  test("carries what it was minted with, whatever that is", () => {
    fc.assert(
      fc.property(anyClaims, (claims) => {
        assert.deepEqual(verifyToken(signingKeys, mintToken(signingKeys, claims)), claims);
      }),
    );
  });

  test("is signed by the newest key, and tokens of the older keys stay valid", () => {
    const old = mintToken(testSigningKeys(1), example);
    assert.match(mintToken(signingKeys, example), /^2\./);
    assert.deepEqual(verifyToken(signingKeys, old), example);
  });
});

describe("an altered token", () => {
  const token = mintToken(signingKeys, example);
  // All of base64url, the separators, characters that a lenient decoder accepts, and some beyond ASCII.
  const characters = "ABCXYZabcxyz0123456789-_.=+/ \n\0\u0161é١".split("");

  test("is inactive when any one character is changed", () => {
    for (let at = 0; at < token.length; at++) {
      for (const character of characters) {
        if (character === token[at]) continue;
        const altered = token.slice(0, at) + character + token.slice(at + 1);
        assert.equal(typeof verifyToken(signingKeys, altered), "string", `position ${at}`);
      }
    }
  });

  test("is inactive when any one character is inserted", () => {
    for (let at = 0; at <= token.length; at++) {
      for (const character of characters) {
        const altered = token.slice(0, at) + character + token.slice(at);
        assert.equal(typeof verifyToken(signingKeys, altered), "string", `position ${at}`);
      }
    }
  });

  test("is inactive when any one character is deleted, or any stretch of them", () => {
    for (let from = 0; from < token.length; from++) {
      for (let to = from + 1; to <= token.length; to++) {
        assert.equal(typeof verifyToken(signingKeys, token.slice(0, from) + token.slice(to)), "string");
      }
    }
  });

  test("is inactive when any one bit of its payload or MAC is flipped", () => {
    const [number = "", payload = "", mac = ""] = token.split(".");
    for (const part of [payload, mac]) {
      for (let bit = 0; bit < Buffer.from(part, "base64url").length * 8; bit++) {
        const bytes = Buffer.from(part, "base64url");
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const changed = bytes.toString("base64url");
        const altered = part === payload ? `${number}.${changed}.${mac}` : `${number}.${payload}.${changed}`;
        assert.equal(verifyToken(signingKeys, altered), "wrong_mac");
      }
    }
  });

  test("is inactive after any changes to any token", () => {
    const edit = fc.record({ at: fc.nat(100), remove: fc.nat(3), insert: fc.string({ maxLength: 3, unit: "binary" }) });
    fc.assert(
      fc.property(anyClaims, fc.array(edit, { minLength: 1, maxLength: 3 }), (claims, edits) => {
        const original = mintToken(signingKeys, claims);
        let altered = original;
        for (const { at, remove, insert } of edits) {
          const from = at % (altered.length + 1);
          altered = altered.slice(0, from) + insert + altered.slice(from + remove);
        }
        fc.pre(altered !== original);
        assert.equal(typeof verifyToken(signingKeys, altered), "string");
      }),
    );
  });

  test("is inactive when its MAC is spelt in another base64url of the same bytes", () => {
    const last = token.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 32 bytes are 43 characters, and the last two bits of the last one mean nothing.
    for (let bits = 1; bits < 4; bits++) {
      const other = alphabet[alphabet.indexOf(last) ^ bits] ?? "";
      const altered = token.slice(0, -1) + other;
      assert.deepEqual(
        Buffer.from(altered.split(".")[2] ?? "", "base64url"),
        Buffer.from(token.split(".")[2] ?? "", "base64url"),
      );
      assert.equal(verifyToken(signingKeys, altered), "wrong_mac");
    }
  });

  test("is inactive when its number is replaced by that of another key in use", () => {
    assert.equal(verifyToken(signingKeys, token.replace(/^2\./, "1.")), "wrong_mac");
  });
});

describe("verifying a token", () => {
  test("gives a value for any string and never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 120 }), fc.string({ maxLength: 120 })), (text) => {
        assert.equal(typeof verifyToken(signingKeys, text), "string");
      }),
    );
  });

  test("gives a value for anything of a token's form", () => {
    const base64url = fc.stringMatching(/^[A-Za-z0-9_-]{0,28}$/);
    const mac = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/);
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9][0-9]{0,9}$/), base64url, mac, (number, payload, text) => {
        assert.equal(typeof verifyToken(signingKeys, `${number}.${payload}.${text}`), "string");
      }),
    );
  });

  for (const { name, token } of vectors.refusedPayloads) {
    test(`refuses a non-canonical payload although the MAC over it is right: ${name}`, () => {
      assert.equal(verifyToken(signingKeys, token), "malformed");
    });
  }

  test("distinguishes an unknown key number from a wrong MAC", () => {
    const token = mintToken(testSigningKeys(3), example);
    assert.equal(verifyToken(signingKeys, token), "unknown_signing_key");
    assert.equal(verifyToken(signingKeys, token.replace(/^3\./, "9999999999.")), "unknown_signing_key");
  });

  test("refuses a token made under another master secret", () => {
    assert.equal(verifyToken(signingKeys, vectors.tokenUnderOtherMasterSecret), "wrong_mac");
  });

  test("refuses a token of another store under the same master secret, whether the store has an id or is of an earlier release", () => {
    const { storeId, otherStoreId, tokenOfOtherStore } = vectors.boundToStore;
    const own = storeSigningKeys(storeId, 1);
    assert.deepEqual(verifyToken(storeSigningKeys(otherStoreId, 1), tokenOfOtherStore), example);
    assert.equal(verifyToken(own, tokenOfOtherStore), "wrong_mac");
    assert.equal(verifyToken(own, mintToken(testSigningKeys(1), example)), "wrong_mac");
  });

  test("refuses tokens of a retired key, and of that key only", () => {
    const masterFingerprint = masterSecretFingerprint(TEST_MASTER_SECRET, undefined);
    const keys = deriveSigningKeys(
      [
        { number: 1, masterFingerprint, createdAtMs: 0, activatedAtMs: 0, retiredAtMs: 1 },
        { number: 2, masterFingerprint, createdAtMs: 0, activatedAtMs: 0, retiredAtMs: null },
      ],
      [TEST_MASTER_SECRET],
      TEST_STORE_ID,
    );
    assert.equal(verifyToken(keys, mintToken(testSigningKeys(1), example)), "unknown_signing_key");
    assert.deepEqual(verifyToken(keys, mintToken(testSigningKeys(2), example)), example);
  });
});
