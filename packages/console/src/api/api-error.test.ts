import assert from "node:assert/strict";
import { test } from "node:test";
import { readRefusal } from "./api-error.ts";

test("a refusal keeps its message, hint, fields and request id", () => {
  const error = readRefusal(
    {
      meta: {
        code: 422,
        errors: [
          {
            code: "field_invalid",
            message: "The name is taken.",
            hint: "Choose another.",
            field: "/name",
            docs: "http://127.0.0.1:8080/docs/errors#field_invalid",
          },
        ],
        warnings: [],
      },
      data: {},
    },
    422,
    "abc-1",
  );
  assert.equal(error.code, "field_invalid");
  assert.equal(error.message, "The name is taken.");
  assert.equal(error.hint, "Choose another.");
  assert.equal(error.fieldMessage("name"), "The name is taken.");
  assert.equal(error.fieldMessage("shortname"), undefined);
  assert.equal(error.requestId, "abc-1");
});

test("what isn't Countersign's answer is called that, and doesn't break the page", () => {
  for (const body of [
    undefined,
    null,
    "",
    "<html>",
    {},
    { meta: null },
    { meta: { errors: "x" } },
    { meta: { errors: [] } },
  ]) {
    const error = readRefusal(body, 502, undefined);
    assert.equal(error.code, "unreadable");
    assert.equal(error.status, 502);
  }
});
