import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCredential } from "./find-credential.ts";

const TOKEN = "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU";
const ASSERTION = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from('{"iat":1}').toString("base64url")}.AAew5q4LlQN1_-`;

const CURL_OUTPUT = (line: string) => `*   Trying 127.0.0.1:8080...
> GET /api/auth/v0/check/ HTTP/1.1
> Host: 127.0.0.1:8080
> User-Agent: curl/7.88.1
> ${line}
>
< HTTP/1.1 401 Unauthorized
{"meta":{"code":401,"errors":[{"code":"token_inactive"}],"warnings":[]},"data":{}}`;

describe("a token is found in", () => {
  for (const [where, text] of [
    ["the token alone", TOKEN],
    ["the token with white space around it", `\r\n  ${TOKEN}\t`],
    ["quotes", `"${TOKEN}"`],
    ["a quoted JSON member's value and its comma", `'${TOKEN}',`],
    ["a header line", `Authorization: Token ${TOKEN}`],
    ["a header's value", `Bearer ${TOKEN}`],
    ["a lower-case header", `authorization:token ${TOKEN}`],
    ["the output of curl -v", CURL_OUTPUT(`Authorization: Token ${TOKEN}`)],
    ["the output of curl -v over HTTP/2", CURL_OUTPUT(`[HTTP/2] [1] [authorization: Bearer ${TOKEN}]`)],
    ["a curl command", `curl -i -H 'Authorization: Token ${TOKEN}' 'http://127.0.0.1:8080/'`],
    ["an answer of the exchange", JSON.stringify({ meta: { code: 200 }, data: { token: TOKEN, expires_in: 3600 } })],
    ["an OAuth answer, over several lines", JSON.stringify({ access_token: TOKEN, token_type: "Bearer" }, null, 2)],
    ["a token broken into lines", `${TOKEN.slice(0, 30)}\n  ${TOKEN.slice(30)}`],
    ["a percent-encoded text", `Token%20${TOKEN.replaceAll(".", "%2E")}`],
    ["a shell's assignment", `export TOKEN='${TOKEN}'`],
    ["a URL's query", `https://api.example.com/?access_token=${TOKEN}&page=2`],
    ["a cookie", `Cookie: session=1; token=${TOKEN}; theme=dark`],
    ["angle brackets", `<${TOKEN}>`],
    ["a sentence", `My token is ${TOKEN}, and it doesn't work.`],
  ] as const) {
    test(where, () => {
      const { kind, text: found } = findCredential(text);
      assert.deepEqual({ kind, found }, { kind: "token", found: TOKEN });
    });
  }
});

describe("an assertion is found, with the scheme before it, in", () => {
  for (const [where, text, found] of [
    ["the assertion alone", ASSERTION, ASSERTION],
    ["a header line", `Authorization: JWT ${ASSERTION}`, `Authorization: JWT ${ASSERTION}`],
    ["a header with a wrong scheme", `Bearer ${ASSERTION}`, `Bearer ${ASSERTION}`],
    ["the output of curl -v", CURL_OUTPUT(`Authorization: JWT ${ASSERTION}`), `JWT ${ASSERTION}`],
    ["an assertion broken into lines", `JWT ${ASSERTION.slice(0, 9)}\n${ASSERTION.slice(9)}`, `JWT ${ASSERTION}`],
    ["a form", `grant_type=client_credentials&client_assertion=${ASSERTION}`, ASSERTION],
    ["a form in JSON", JSON.stringify({ client_assertion: ASSERTION }), ASSERTION],
    ["an assertion without its signature", ASSERTION.replace(/[^.]*$/, ""), ASSERTION.replace(/[^.]*$/, "")],
  ] as const) {
    test(where, () => {
      assert.deepEqual(
        { ...findCredential(text), note: undefined },
        { kind: "assertion", text: found, note: undefined },
      );
    });
  }
});

test("a text that holds no credential is returned unchanged, to be explained", () => {
  for (const text of ["", "x", "b'eyJ'", "{", '{"a":1}', "Authorization: JWT", "1.2.3", "a".repeat(300_000)]) {
    assert.deepEqual(findCredential(text), { kind: "assertion", text });
  }
});

test("no note repeats any of the text", () => {
  for (const text of [CURL_OUTPUT(`Authorization: Token ${TOKEN}`), JSON.stringify([TOKEN]), `x ${ASSERTION} y z`]) {
    const { note = "" } = findCredential(text);
    assert.match(note, /^The [a-zA-Z ]+\.$/);
  }
});

test("hostile texts are searched in a time that grows with their length alone", () => {
  for (const text of [
    "1.".repeat(100_000),
    `e${"y".repeat(200_000)}`,
    "authorization: ".repeat(15_000),
    "[".repeat(100_000),
  ]) {
    assert.equal(findCredential(text).kind, "assertion");
  }
});
