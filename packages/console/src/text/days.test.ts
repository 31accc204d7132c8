import assert from "node:assert/strict";
import { test } from "node:test";
import { daysText, parseDays } from "./days.ts";

test("days are sent as seconds, and shown as they were typed", () => {
  for (const [text, seconds] of [
    ["90", 7_776_000],
    [" 0.5 ", 43_200],
    ["1", 86_400],
  ] as const) {
    assert.equal(parseDays(text), seconds);
    assert.equal(daysText(seconds), text.trim());
  }
});

test("an empty field is no maximum; anything but a positive number is none either, and isn't sent", () => {
  assert.equal(parseDays("  "), null);
  for (const text of ["0", "-1", "0.000001", "ninety", "90d", "1e999", "NaN", "1 2"]) {
    assert.ok(Number.isNaN(parseDays(text)), text);
  }
});
