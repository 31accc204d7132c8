import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createLog } from "./logger.ts";
import { createLineRedactor, createRedactor } from "./redact.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const SECRET = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const SECRETS = {
  assertion: "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw",
  "assertion without its signature": "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ",
  "assertion whose header begins with a space":
    "eyAiYWxnIjoiUlMyNTYifQ.eyJ1c2VybmFtZSI6ImFwaS0xLWRlbW8ifQ.c2lnbmF0dXJl",
  token: "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU",
  "resource server secret": "csrs_0123456789abcdef",
  "webhook secret": "whsec_C2FVsBQIhrscChlQIBVpvEMwBB6s5H4W0UmIhIPrPGM=",
  "admin token": "csat_0123456789abcdef",
  "one-time link's secret": "csiv_0123456789abcdef",
  "session's secret": "csse_0123456789abcdef",
  "recovery code": "7K3M-9QXA-0B5C-WZ2N",
  "private key": privateKey.export({ format: "pem", type: "pkcs8" }),
  "private key of the old form": privateKey.export({ format: "pem", type: "pkcs1" }),
  "master secret": SECRET,
};

for (const [name, secret] of Object.entries(SECRETS)) {
  test(`no line of the log holds a ${name}, whichever place it was logged in`, () => {
    const lines: string[] = [];
    const log = createLog("trace", [SECRET], (line) => lines.push(line));
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

test("text that isn't a secret stays readable", () => {
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

/** Logs a member, an error and a message, with these configured secrets. */
function logged(secrets: readonly string[], members: object, message = "a message"): Record<string, unknown> {
  const lines: string[] = [];
  createLog("trace", secrets, (line) => lines.push(line)).info(members, message);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^[^\n]*\n$/);
  return JSON.parse(lines[0] ?? "") as Record<string, unknown>;
}

test("a short or guessable secret isn't revealed by the words from which it was removed", () => {
  for (const secret of [
    "postgres",
    "1",
    "a",
    "info",
    "countersign",
    "{",
    '"',
    "\\",
    ":",
    "level",
    "0",
    "-",
    " ",
    "e",
  ]) {
    const line = logged(
      [secret],
      { store: "postgresql", port: 15432, err: new Error('{"a":1}') },
      "countersign: ready",
    );
    assert.equal(line["store"], "postgresql", secret);
    assert.equal(line["port"], 15432);
    assert.equal(line["level"], "info");
    assert.equal(line["msg"], "countersign: ready");
    assert.doesNotMatch(JSON.stringify(line), /redacted/);
  }
});

for (const secret of [
  "correct-HORSE-battery-12",
  'with "quotes" and \\backslashes\\ 12345',
  "line\nend and\ttab of 0123456789",
  "p@ss#w/rd?%&=0123456789",
  "0123456789abcdef0123456789abcdef",
]) {
  test(`a long secret is removed from any text, in each of its spellings: ${JSON.stringify(secret)}`, () => {
    for (const spelling of [secret, encodeURIComponent(secret), JSON.stringify(secret)]) {
      const line = logged([secret], { [`a ${spelling}`]: 1, deep: [{ text: `of ${spelling}!` }] }, `said ${spelling}.`);
      const text = JSON.stringify(line);
      assert.match(text, /said .*\[redacted\]/);
      for (const piece of [secret, encodeURIComponent(secret), secret.slice(-12)]) {
        assert.ok(!text.includes(JSON.stringify(piece).slice(1, -1)), text);
      }
    }
  });
}

test("a value in the place of a secret is removed, whatever it is", () => {
  const redact = createRedactor([]);
  for (const [text, redacted] of [
    ["postgres://cs:postgres@db:5432/postgres", "postgres://[redacted]@db:5432/postgres"],
    ["at postgresql://cs:p@ss#w/rd?%@[::1]/db!", "at postgresql://[redacted]@[::1]/db!"],
    ["https://user:1@idp.example/a?b=c@d", "https://[redacted]@idp.example/a?b=c@d"],
    ["postgres:///db?host=/run&password=1&port=5", "postgres:///db?host=/run&password=[redacted]&port=5"],
    ["GET /callback?code=abc&state=d-e#x HTTP/1.1", "GET /callback?code=[redacted]&state=[redacted]#x HTTP/1.1"],
    ["POST /token?client_secret=a+b", "POST /token?client_secret=[redacted]"],
    ["host=db password=1 dbname=x", "host=db password=[redacted] dbname=x"],
    [String.raw`host=db password = 'a \' b' dbname=x`, "host=db password = [redacted] dbname=x"],
  ] as const) {
    assert.equal(redact(text), redacted);
  }
});

test("a member with a secret's name has no value in the log, at any depth", () => {
  const line = logged([], {
    Authorization: "x",
    headers: { cookie: "a=b", "set-cookie": ["c"], "proxy-authorization": "y", accept: "text/html" },
    list: [{ client_secret: 7, password: { is: "z" }, password_set: true, token: null }],
    err: Object.assign(new Error("no"), { connectionString: "w", code: "28P01" }),
  });
  assert.equal(line["Authorization"], "[redacted]");
  assert.deepEqual(line["headers"], {
    cookie: "[redacted]",
    "set-cookie": "[redacted]",
    "proxy-authorization": "[redacted]",
    accept: "text/html",
  });
  assert.deepEqual(line["list"], [
    { client_secret: "[redacted]", password: "[redacted]", password_set: true, token: null },
  ]);
  const { connectionString, code } = line["err"] as Record<string, unknown>;
  assert.deepEqual([connectionString, code], ["[redacted]", "28P01"]);
});

test("an error that quotes the configured URL is logged without its password", () => {
  const error = Object.assign(new TypeError("Invalid URL"), { input: "postgres://cs:hunter2@db:x/a" });
  assert.doesNotMatch(JSON.stringify(logged(["hunter2"], { err: error })), /hunter2/);
});

test("any text in any place is logged as one line of valid JSON", () => {
  for (const text of ['"', "\\", "\u2028", "\0", "\ud800", "__proto__", "a\nb", "\u001b[31m"]) {
    const line = logged([text], { [text]: { [text]: text } }, text);
    assert.equal(line["msg"], text);
  }
  const redact = createLineRedactor([]);
  for (const line of ["", "no JSON", '{"a":', "\n"]) assert.match(redact(line), /"msg":"a log line wasn't JSON/);
});
