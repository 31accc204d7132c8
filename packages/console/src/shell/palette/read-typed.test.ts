import assert from "node:assert/strict";
import { test } from "node:test";
import { generateKeyPairSync } from "node:crypto";
import { readTyped } from "./read-typed.ts";

const ASSERTION = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ.c2lnbmF0dXJl";
const TOKEN = "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU";

test("names, usernames and fingerprints are searched for", () => {
  const texts = [
    "",
    "acme",
    "api-1-orders",
    `api-1-${"w".repeat(63)}`,
    "SHA256:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg",
    "Müller & Söhne",
    "csv import",
  ];
  for (const text of texts) assert.deepEqual(readTyped(` ${text} `), { kind: "search", text });
});

test("an assertion or a token is recognised in what people paste, and isn't a search", () => {
  for (const text of [ASSERTION, `Authorization: JWT ${ASSERTION}`]) {
    const typed = readTyped(text);
    assert.equal(typed.kind === "credential" && typed.found.kind, "assertion");
  }
  for (const text of [TOKEN, `Authorization: Bearer ${TOKEN}`, `{"token":"${TOKEN}"}`]) {
    const typed = readTyped(text);
    assert.equal(typed.kind === "credential" && typed.found.text, TOKEN);
  }
});

test("a credential that is cut off, or any other secret, isn't a search", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const texts = [
    ASSERTION.slice(0, 30),
    TOKEN.slice(0, 16),
    "Bearer x",
    `csat_${"a".repeat(43)}`,
    `http://localhost:8081/link#csiv_${"a".repeat(20)}`,
    privateKey.export({ type: "pkcs8", format: "pem" }),
    privateKey.export({ type: "pkcs8", format: "pem" }).slice(0, 90),
    "x".repeat(101),
  ];
  for (const text of texts) assert.deepEqual(readTyped(text), { kind: "secret" }, text.slice(0, 20));
});
