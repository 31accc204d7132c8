import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createLog } from "./logger.ts";
import { createRedactor } from "./redact.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const SECRET = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const SECRETS = {
  assertion: "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw",
  "assertion without its signature": "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ",
  "assertion whose header begins with a space":
    "eyAiYWxnIjoiUlMyNTYifQ.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ.c2lnbmF0dXJl",
  token: "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU",
  "resource server secret": "csrs_0123456789abcdef",
  "admin token": "csat_0123456789abcdef",
  "one-time link's secret": "csiv_0123456789abcdef",
  "session's secret": "csse_0123456789abcdef",
  "recovery code": "7K3M-9QXA-0B5C-WZ2N",
  "private key": privateKey.export({ format: "pem", type: "pkcs8" }),
  "private key of the old form": privateKey.export({ format: "pem", type: "pkcs1" }),
  "master secret": SECRET,
};

for (const [name, secret] of Object.entries(SECRETS)) {
  test(`no line of the log holds a ${name}, wherever it was put`, () => {
    const lines: string[] = [];
    const { log } = createLog("trace", [SECRET], (line) => lines.push(line));
    log.info(`a message with ${secret} inside`);
    log.error({ err: new Error(`failed on ${secret}`, { cause: new Error(secret) }) }, "failed");
    log.debug({ [secret]: 1, deep: { header: `JWT ${secret}`, list: [secret] } }, "%s", secret);
    log.trace({ headers: { authorization: `Token ${secret}` } });
    assert.equal(lines.length, 4);
    for (const line of lines) {
      JSON.parse(line);
      assert.ok(line.includes("[redacted]"), line);
      for (const piece of [secret, secret.slice(-24), secret.slice(secret.length / 2, secret.length / 2 + 20)]) {
        assert.ok(!line.includes(JSON.stringify(piece).slice(1, -1)), `${piece} in ${line}`);
      }
    }
  });
}

test("what isn't a secret stays readable", () => {
  const redact = createRedactor([SECRET]);
  for (const line of [
    "GET /api/auth/v0/refresh/ from 192.0.2.1 took 1.25 ms",
    '{"key":"SHA256:DPLPGBq/Kqxarx3fmaYjCfhxP18WprnmPb3L815u+3Y","code":"assertion_stale"}',
    "countersign.example.org listens; version 0.1.0; node_modules/.bin/countersign",
    "The Authorization header's scheme isn't JWT.",
    "1B4E28BA-2FA1-11D2-883F-0016D3CCA427 and 2026-11-24T15:45:09.517Z",
  ]) {
    assert.equal(redact(line), line);
  }
});
