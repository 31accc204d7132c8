import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime, utcHour, utcTime } from "./time-text.ts";

const nowMs = Date.UTC(2026, 10, 24, 15, 0, 0);
const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const days = 24 * hours;

test("a time is given in its largest whole unit, and never as older than it is", () => {
  const text = (agoMs: number) => relativeTime(nowMs - agoMs, nowMs);
  assert.equal(text(0), "just now");
  assert.equal(text(minutes - 1), "just now");
  assert.equal(text(minutes), "1 minute ago");
  assert.equal(text(hours - 1), "59 minutes ago");
  assert.equal(text(hours), "1 hour ago");
  assert.equal(text(days - 1), "23 hours ago");
  assert.equal(text(days), "1 day ago");
  assert.equal(text(29 * days), "29 days ago");
  assert.equal(text(30 * days), "1 month ago");
  assert.equal(text(365 * days), "1 year ago");
});

test("a time in the future is given as such", () => {
  const text = (aheadMs: number) => relativeTime(nowMs + aheadMs, nowMs);
  assert.equal(text(1), "in a moment");
  assert.equal(text(minutes), "in 1 minute");
  assert.equal(text(90 * days), "in 3 months");
});

test("an exact time is in UTC, whatever the time zone of the browser", () => {
  assert.equal(utcTime(nowMs + 41 * seconds), "2026-11-24 15:00:41 UTC");
});

test("an hour of the chart names its start and its end", () => {
  assert.equal(utcHour(nowMs), "Tue 24 Nov, 15:00–16:00 UTC");
  assert.equal(utcHour(Date.UTC(2026, 11, 31, 23)), "Thu 31 Dec, 23:00–00:00 UTC");
});
