import assert from "node:assert/strict";
import { test } from "node:test";
import { retryDelayMs } from "./change-feed.ts";

const problem = { code: "feed_unreachable", message: "" } as const;

test("the first retry comes within 100 ms, the next ones ever later and never later than 5 s", () => {
  const delays = (random: number) =>
    [0, 1, 2, 3, 4, 5, 6, 100, 2000].map((failures) => retryDelayMs({ reason: "lost", problem }, failures, random));
  assert.deepEqual(delays(0), [0, 250, 500, 1000, 2000, 2500, 2500, 2500, 2500]);
  assert.deepEqual(delays(1), [100, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
});

test("after a refusal the next try takes seconds, at least what Retry-After says, and never more than a minute", () => {
  const delay = (failures: number, retryAfterMs = 0) =>
    retryDelayMs({ reason: "refused", problem, retryAfterMs }, failures, 1);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 1e6].map((failures) => delay(failures)),
    [2000, 4000, 8000, 16_000, 30_000, 30_000],
  );
  assert.equal(delay(0, 60_000), 60_000);
  assert.equal(delay(4, 1000), 30_000);
});
