import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDurationMs } from "./duration.ts";

test("a duration is a whole number and a unit", () => {
  for (const [text, milliseconds] of [
    ["0s", 0],
    ["500ms", 500],
    ["5s", 5000],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["365d", 31_536_000_000],
    ["2w", 1_209_600_000],
  ] as const) {
    assert.equal(parseDurationMs(text), milliseconds, text);
  }
});

test("any other text isn't a duration", () => {
  for (const text of [
    "",
    "5",
    "s",
    "5 s",
    " 5s",
    "5s\n",
    "-5s",
    "+5s",
    "1.5s",
    "05s",
    "5S",
    "5sec",
    "1e3s",
    "5s5s",
    "1234567890s",
  ]) {
    assert.equal(parseDurationMs(text), undefined, JSON.stringify(text));
  }
});

test("a duration is shown in the largest unit that leaves a whole number", () => {
  for (const text of ["0s", "500ms", "75s", "2m", "1h", "1d", "2w"]) {
    assert.equal(formatDuration(parseDurationMs(text) ?? Number.NaN), text);
  }
  assert.equal(formatDuration(1500), "1500ms");
  assert.equal(formatDuration(120_000), "2m");
});
