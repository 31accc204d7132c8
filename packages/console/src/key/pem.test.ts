import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { toPem } from "./pem.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

test("Node.js reads the PEM, and writes the same", () => {
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const pem = toPem("PRIVATE KEY", new Uint8Array(der));
  assert.equal(pem, privateKey.export({ format: "pem", type: "pkcs8" }));
  assert.ok(createPrivateKey(pem).equals(privateKey));
  assert.ok(createPublicKey(pem).equals(publicKey));
});
