import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime } from "./relative-time.ts";

const DAY = 86_400;

test("a relative time reads as Intl.RelativeTimeFormat writes it", () => {
  const now = Date.UTC(2026, 0, 1);
  const intl = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  for (const [seconds, count, unit] of [
    [5, 5, "second"],
    [59, 59, "second"],
    [60, 1, "minute"],
    [3599, 60, "minute"],
    [3600, 1, "hour"],
    [DAY, 1, "day"],
    [6 * DAY, 6, "day"],
    [7 * DAY, 1, "week"],
    [90 * DAY, 3, "month"],
    [7300 * DAY, 20, "year"],
  ] as const) {
    assert.equal(relativeTime(now + seconds * 1000, now), intl.format(count, unit));
    assert.equal(relativeTime(now - seconds * 1000, now), intl.format(-count, unit));
  }
});

test("a key made for 90 days still expires in 3 months a moment later", () => {
  assert.equal(relativeTime(90 * DAY * 1000 - 1, 0), "in 3 months");
});

test("less than 5 seconds either way is just now", () => {
  for (const milliseconds of [-4999, 0, 4999]) assert.equal(relativeTime(1e12 + milliseconds, 1e12), "just now");
});
