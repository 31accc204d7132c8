/** docs/troubleshooting.md: each mistake gets the message that the page shows for it. */
import assert from "node:assert/strict";
import { createHmac, createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createApiUser, startServer, type TestApiUser, type TestServer } from "../testkit/server.ts";
import { rsaKeyPair } from "../testkit/rsa-keys.ts";
import { encodeParts, signAssertion } from "../testkit/sign-assertion.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "troubleshooting.md"), "utf8");

/** The mistakes of the page, by their headings, and the header that a client with this mistake sends. */
const MISTAKES: readonly (readonly [
  heading: string,
  header: (user: TestApiUser, key: KeyObject) => string | undefined,
  query?: string,
])[] = [
  [
    "The client's clock is wrong",
    ({ username }, key) => jwt(username, key, { claims: { iat: Date.now() / 1000 - 300 } }),
  ],
  [
    "The assertion is signed with another private key",
    ({ username }) => jwt(username, rsaKeyPair("stranger").privateKey),
  ],
  ["The username is misspelled", (_user, key) => jwt("demo", key)],
  ["iat is in milliseconds", ({ username }, key) => jwt(username, key, { claims: { iat: Date.now() } })],
  ["The times are strings", ({ username }, key) => jwt(username, key, { claims: { iat: String(Date.now() / 1000) } })],
  ["Python sends b'…'", ({ username }, key) => `JWT b'${signAssertion(username, key)}'`],
  ["The scheme is Bearer", ({ username }, key) => `Bearer ${signAssertion(username, key)}`],
  ["The algorithm is HS256", ({ username }) => `JWT ${hs256(username)}`],
  ["aud names another address", ({ username }, key) => jwt(username, key, { claims: { aud: "https://old.example" } })],
  ["The header is lost on the way", () => undefined],
  ["The ttl is out of range", ({ username }, key) => jwt(username, key), "?ttl=60"],
];

function jwt(username: string, key: KeyObject, options?: Parameters<typeof signAssertion>[2]): string {
  return `JWT ${signAssertion(username, key, options)}`;
}

/** What a library makes of the PEM text if it is told to use HS256. */
function hs256(username: string): string {
  const text = encodeParts({ alg: "HS256" }, { username, iat: Date.now() / 1000 });
  return `${text}.${createHmac("sha256", "pem").update(text).digest("base64url")}`;
}

describe("docs/troubleshooting.md", () => {
  let server: TestServer;
  let user: TestApiUser;
  let key: KeyObject;

  before(async () => {
    server = await startServer();
    user = await createApiUser(server);
    key = createPrivateKey(readFileSync(user.privateKeyFile));
  });
  after(() => server.stop());

  test("each refusal of the contract is there, and no other", () => {
    const wire = readFileSync(join(import.meta.dirname, "..", "..", "docs", "wire.md"), "utf8");
    const errors = readFileSync(join(import.meta.dirname, "..", "..", "docs", "errors.md"), "utf8");
    const codes = [...errors.matchAll(/^## (\w+)$/gm)].map(([, code = ""]) => code);
    const [, section = ""] = /^## Every refusal$([^]*)/m.exec(page) ?? [];
    const rows = [...section.matchAll(/^\| \d{3} (.*?) \|/gm)].map(([, cell = ""]) => cell).join(" ");
    const shown = [...rows.matchAll(/`(\w+)`/g)].map(([, code = ""]) => code);
    const contract = codes.filter((code) => wire.includes(`\`${code}\``));
    assert.ok(contract.length > 20, String(contract.length));
    for (const code of contract) assert.ok(shown.includes(code), code);
    for (const code of shown) assert.ok(codes.includes(code), code);
  });

  test("each mistake that the page shows is made here", () => {
    const [, section = ""] = /^## The most frequent mistakes$([^]*?)^## /m.exec(page) ?? [];
    const headings = [...section.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(
      headings,
      MISTAKES.map(([heading]) => heading),
    );
  });

  for (const [heading, header, query = ""] of MISTAKES) {
    test(`"${heading}" shows the message that the client gets`, async () => {
      const authorization = header(user, key);
      const answer = await fetch(`${server.publicUrl}/api/auth/v0/refresh/${query}`, {
        headers: authorization === undefined ? {} : { authorization },
      });
      const { code, message, hint = "" } = ((await answer.json()) as Refused).meta.errors[0];
      const [, section = ""] = page.split(`\n### ${heading}\n`);
      const shown = /^```text\n([^]*?)^```$/m.exec(section)?.[1] ?? "";
      assert.equal(plain(shown), plain(`${answer.status} ${code}\n${message}\n${hint}`), heading);
    });
  }
});

interface Refused {
  readonly meta: {
    readonly errors: readonly [{ readonly code: string; readonly message: string; readonly hint?: string }];
  };
}

/** Without line breaks, and with … for numbers and addresses that differ from run to run. */
function plain(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+|https:\/\/auth\.example/g, "<address>")
    .replaceAll(/\d+\.\d+/g, "…")
    .trim();
}
