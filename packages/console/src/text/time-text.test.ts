import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime as relativeTimeOf } from "@countersign/protocol";
import { exactTime, relativeTime, utcHour, utcTime } from "./time-text.ts";

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

test("a local time names its offset from UTC, also around a change of the clocks", (t) => {
  const env: { TZ?: string } = process.env;
  const zone = env.TZ;
  t.after(() => {
    if (zone === undefined) delete env.TZ;
    else env.TZ = zone;
  });
  const local = (name: string, atMs: number) => {
    env.TZ = name;
    return exactTime(atMs, "local");
  };
  assert.equal(local("Europe/Berlin", nowMs), "2026-11-24 16:00:00 GMT+1");
  assert.equal(local("Europe/Berlin", Date.UTC(2026, 9, 25, 0, 30)), "2026-10-25 02:30:00 GMT+2");
  assert.equal(local("Europe/Berlin", Date.UTC(2026, 9, 25, 1, 30)), "2026-10-25 02:30:00 GMT+1");
  assert.equal(local("Asia/Kathmandu", nowMs), "2026-11-24 20:45:00 GMT+5:45");
  assert.equal(local("America/St_Johns", nowMs), "2026-11-24 11:30:00 GMT-3:30");
  assert.equal(local("UTC", nowMs), "2026-11-24 15:00:00 UTC");
  env.TZ = "Asia/Kathmandu";
  assert.equal(exactTime(nowMs, "utc"), "2026-11-24 15:00:00 UTC");
});
