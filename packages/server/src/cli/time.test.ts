import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeTime } from "./time.ts";

test("a relative time reads as Intl.RelativeTimeFormat writes it", () => {
  const now = Date.UTC(2026, 0, 1);
  const intl = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  const day = 86_400;
  for (const [seconds, count, unit] of [
    [5, 5, "second"],
    [59, 59, "second"],
    [60, 1, "minute"],
    [3599, 60, "minute"],
    [3600, 1, "hour"],
    [day, 1, "day"],
    [6 * day, 6, "day"],
    [7 * day, 1, "week"],
    [90 * day, 3, "month"],
    [7300 * day, 20, "year"],
  ] as const) {
    assert.equal(relativeTime(now + seconds * 1000, now), intl.format(count, unit));
    assert.equal(relativeTime(now - seconds * 1000, now), intl.format(-count, unit));
  }
});

test("less than 5 seconds either way is just now, and no time is a dash", () => {
  for (const milliseconds of [-4999, 0, 4999]) assert.equal(relativeTime(1e12 + milliseconds, 1e12), "just now");
  assert.equal(relativeTime(null, 0), "-");
});
