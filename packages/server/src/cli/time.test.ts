import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime } from "./time.ts";

test("no time is a dash, and a time is in the words of the protocol", () => {
  assert.equal(relativeTime(null, 0), "-");
  assert.equal(relativeTime(90 * 86_400_000, 1), "in 3 months");
});
