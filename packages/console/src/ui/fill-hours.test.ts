import assert from "node:assert/strict";
import { test } from "node:test";
import { fillHours } from "./fill-hours.ts";

const nowMs = Date.UTC(2026, 10, 24, 15, 23, 41);

test("every hour is listed, the current one last; hours that the API leaves out have no tokens", () => {
  const hours = fillHours({ hours: [{ hour: "2026-11-24T14:00:00.000Z", tokens: 7 }] }, 24, nowMs);
  assert.equal(hours.length, 24);
  assert.deepEqual(hours.at(-1), { atMs: Date.UTC(2026, 10, 24, 15), tokens: 0 });
  assert.deepEqual(hours.at(-2), { atMs: Date.UTC(2026, 10, 24, 14), tokens: 7 });
  assert.equal(hours[0]?.atMs, Date.UTC(2026, 10, 23, 16));
});
