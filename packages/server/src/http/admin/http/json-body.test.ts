/** What a body of the admin API that can't be read is answered, through the real listener. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startOwnersConsole } from "../../../testing/test-console.ts";

const { console, cookie, ask } = await startOwnersConsole();
after(() => console.close());

const SECRET = "hunter2";
const JSON_TYPE = "application/json";
const DEEP = `{"name":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;

for (const [what, body, type, status, message] of [
  [
    "a trailing comma",
    `{"name": "${SECRET}",\n}`,
    JSON_TYPE,
    400,
    "The body isn't JSON: line 2, column 1: the comma before } is one too many.",
  ],
  [
    "a text without quotes",
    `{"name": ${SECRET}}`,
    JSON_TYPE,
    400,
    "The body isn't JSON: line 1, column 10: JSON's words are true, false and null, and a string is in double quotes.",
  ],
  [
    "a member twice",
    `{"name":"${SECRET}","name":"x"}`,
    JSON_TYPE,
    400,
    "The body names a member twice: line 1, column 19.",
  ],
  ["too deep nesting", DEEP, JSON_TYPE, 400, "The body is nested deeper than 32 levels: line 1, column 40."],
  ["another charset", "{}", `${JSON_TYPE}; charset=utf-16`, 415, "The body's charset isn't UTF-8."],
  ["another type", "{}", "text/plain", 415, "The body's Content-Type isn't application/json."],
  [
    "a member that changes prototypes",
    `{"shortname":"a","__proto__":{"name":"${SECRET}"}}`,
    JSON_TYPE,
    400,
    "The body has a member __proto__, or a constructor with a prototype.",
  ],
  ["an empty body", "", JSON_TYPE, 422, "The body is empty or null; a JSON object is expected."],
  [
    "an unknown member",
    `{"shortname":"a","nmae":"${SECRET}"}`,
    JSON_TYPE,
    422,
    '"nmae" isn\'t known here; did you mean "name"?',
  ],
] as const) {
  test(`${what} is refused with its place or what was meant, and isn't quoted`, async () => {
    const answer = await fetch(`${console.origin}/api/admin/v1/accounts`, {
      method: "POST",
      headers: { "Content-Type": type, Cookie: cookie, Origin: console.origin },
      body,
    });
    const text = await answer.text();
    assert.equal(answer.status, status, text);
    const { meta } = JSON.parse(text) as { meta: { errors: { message: string }[] } };
    assert.ok(
      meta.errors.some((error) => error.message === message),
      text,
    );
    assert.ok(!text.includes(SECRET), text);
  });
}

test("a body that is valid is still taken", async () => {
  assert.equal((await ask("POST", "/accounts", { shortname: "acme-json", name: "Acme" })).status, 201);
});
