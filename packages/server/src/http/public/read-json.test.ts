import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { test } from "node:test";
import { refusalOf } from "../../testing/refusal-of.ts";
import { readJsonObject, requiredText } from "./read-json.ts";

const BYTES_MAX = 1000;

function read(body: string | Buffer, contentType: string | undefined = "application/json") {
  const headers = { ...(contentType !== "" && { "content-type": contentType }) };
  const request = Object.assign(Readable.from([Buffer.from(body)]), { headers, complete: true });
  return readJsonObject(request as unknown as IncomingMessage, BYTES_MAX, ["a", "b"]);
}

test("a flat object with known members is read", async () => {
  assert.deepEqual(await read('{"a":"x","b":1}'), { a: "x", b: 1 });
  assert.deepEqual(await read("{}", "application/json; charset=utf-8"), {});
  assert.deepEqual(await read('{"a":"ü"}', "Application/JSON"), { a: "ü" });
});

for (const [what, body, code, contentType] of [
  ["a form", "a=x", "media_type_unsupported", "application/x-www-form-urlencoded"],
  ["a body without a type", "{}", "media_type_unsupported", ""],
  ["another charset", "{}", "media_type_unsupported", "application/json; charset=utf-16"],
  ["bytes that aren't UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), "bad_request"],
  ["nothing", "", "bad_request"],
  ["a text that isn't JSON", "{a:1}", "bad_request"],
  ["a list", "[]", "bad_request"],
  ["null", "null", "bad_request"],
  ["a member twice", '{"a":"x","a":"y"}', "bad_request"],
  ["half a surrogate pair", String.raw`{"a":"\ud800"}`, "bad_request"],
  ["an unknown member", '{"c":1}', "field_invalid"],
  ["a member of every object", '{"__proto__":1}', "field_invalid"],
  ["a nested object", '{"a":{}}', "field_invalid"],
  ["lists nested as deep as the body allows", `{"a":${"[".repeat(490)}${"]".repeat(490)}}`, "field_invalid"],
  ["a body that is too large", `{"a":"${"x".repeat(BYTES_MAX)}"}`, "body_too_large"],
] as const) {
  test(`${what} is refused, and not quoted`, async () => {
    const refusal = await refusalOf(read(body, contentType));
    assert.equal(refusal.code, code);
    assert.doesNotMatch(JSON.stringify([refusal.message, refusal.detail]), /\{a|"x|a=x/);
  });
}

test("a required text is refused when it is missing, empty or of another type", async () => {
  const object = { a: "x", b: "", c: 1, d: null };
  assert.equal(requiredText(object, "a"), "x");
  for (const name of ["b", "c", "d", "e", "toString"]) {
    const refusal = await refusalOf(Promise.resolve().then(() => requiredText(object, name)));
    assert.deepEqual([refusal.code, refusal.detail.fields?.[0]?.field], ["field_invalid", `/${name}`]);
  }
});

for (const [what, body, message] of [
  ["a member twice", '{"a":"x","a":"y"}', "The body names a member twice: line 1, column 10."],
  ["an unknown member", '{"aa":"x"}', "aa isn't known here; known are a, b."],
  ["a member that may be a secret", '{"Hunter-2":"x"}', "The body has a member that isn't known here; known are a, b."],
  ["an empty body", "", "The body is empty; a JSON object is expected."],
] as const) {
  test(`${what} is refused with a message that says so`, async () => {
    assert.equal((await refusalOf(read(body))).message, message);
  });
}
