import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { base64OfBytes, bytesOfBase64 } from "./bytes-of-base64.ts";
import { keyTextOfBytes } from "./key-text-of-bytes.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = publicKey.export({ format: "pem", type: "spki" });
const utf16 = (text: string) => Buffer.from(text, "utf16le");

describe("a key's file becomes a text", () => {
  for (const [name, bytes] of [
    ["in UTF-8", Buffer.from(pem)],
    ["in UTF-8 with a byte order mark", Buffer.from(`\ufeff${pem}`)],
    ["in UTF-16 with a byte order mark", utf16(`\ufeff${pem}`)],
    ["in UTF-16 without one", utf16(pem)],
    ["in big-endian UTF-16 with a byte order mark", utf16(`\ufeff${pem}`).swap16()],
    ["in big-endian UTF-16 without one", utf16(pem).swap16()],
  ] as const) {
    test(name, () => assert.equal(keyTextOfBytes(bytes), pem));
  }

  for (const [name, der] of [
    ["SPKI", publicKey.export({ format: "der", type: "spki" })],
    ["PKCS #1", publicKey.export({ format: "der", type: "pkcs1" })],
    ["a private PKCS #8", privateKey.export({ format: "der", type: "pkcs8" })],
  ] as const) {
    test(`in base64, where it is DER: ${name}`, () => assert.equal(keyTextOfBytes(der), der.toString("base64")));
  }

  test("whatever its bytes are", () => {
    assert.equal(keyTextOfBytes(new Uint8Array()), "");
    for (const bytes of [[0x30], [0], [0xff], [0xff, 0xfe], [0, 0], [0xfe, 0xff, 0x41], [0x80, 0x81]]) {
      assert.equal(typeof keyTextOfBytes(Uint8Array.from(bytes)), "string");
    }
  });
});

describe("base64", () => {
  test("of any bytes is what others write and read", () => {
    for (let length = 1; length < 70; length++) {
      const bytes = randomBytes(length);
      const text = bytes.toString("base64");
      assert.equal(base64OfBytes(bytes), text);
      for (const form of [
        text,
        text.replaceAll("=", ""),
        bytes.toString("base64url"),
        text.replaceAll(/..../g, "$& \n"),
      ]) {
        assert.deepEqual(Buffer.from(bytesOfBase64(form) ?? []), bytes);
      }
    }
  });

  test("isn't what has other characters, or a length that no bytes give", () => {
    for (const text of ["", " ", "=", "A", "AAAAA", "A=AA", "AA==A", "AAA!", "AA\u00e4A", "AAA\0"]) {
      assert.equal(bytesOfBase64(text), undefined, JSON.stringify(text));
    }
  });
});
