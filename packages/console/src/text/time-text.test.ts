import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime as relativeTimeOf } from "@countersign/protocol";
import { relativeTime, utcHour, utcTime } from "./time-text.ts";

const nowMs = Date.UTC(2026, 10, 24, 15, 0, 0);
const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const days = 24 * hours;

test("a time is worded as the command line words it, and within a minute as just now", () => {
  for (const agoMs of [minutes, hours - 1, hours, days - 1, 29 * days, 45 * days, 365 * days]) {
    assert.equal(relativeTime(nowMs - agoMs, nowMs), relativeTimeOf(nowMs - agoMs, nowMs));
    assert.equal(relativeTime(nowMs + agoMs, nowMs), relativeTimeOf(nowMs + agoMs, nowMs));
  }
  assert.equal(relativeTime(nowMs, nowMs), "just now");
  assert.equal(relativeTime(nowMs - minutes + 1, nowMs), "just now");
});

test("a time in the future is given as such", () => {
  const text = (aheadMs: number) => relativeTime(nowMs + aheadMs, nowMs);
  assert.equal(text(1), "in a moment");
  assert.equal(text(minutes), "in 1 minute");
  assert.equal(text(90 * days), "in 3 months");
  assert.equal(text(90 * days - 1), "in 3 months");
});

test("an exact time is in UTC, whatever the time zone of the browser", () => {
  assert.equal(utcTime(nowMs + 41 * seconds), "2026-11-24 15:00:41 UTC");
});

test("an hour of the chart names its start and its end", () => {
  assert.equal(utcHour(nowMs), "Tue 24 Nov, 15:00–16:00 UTC");
  assert.equal(utcHour(Date.UTC(2026, 11, 31, 23)), "Thu 31 Dec, 23:00–00:00 UTC");
});
