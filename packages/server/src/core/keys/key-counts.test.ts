import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccountId } from "../accounts/model.ts";
import { countKeys, createKeyCounts } from "./key-counts.ts";
import type { KeyFilter } from "./store.ts";

const DAY_MS = 86_400_000;

function countingKeys(count: (filter: KeyFilter, nowMs: number) => number) {
  const asked: KeyFilter[] = [];
  return {
    asked,
    count: (filter: KeyFilter, nowMs: number) => {
      asked.push(filter);
      return Promise.resolve(count(filter, nowMs));
    },
  };
}

describe("counts of keys", () => {
  test("ask for each state within the account that they are for", async () => {
    const accountId = 7 as AccountId;
    const keys = countingKeys(({ expiringUntilMs = 0 }) => expiringUntilMs / DAY_MS);
    const counts = await countKeys(keys, 100 * DAY_MS, { accountId });
    assert.deepEqual([counts.expiring_1d, counts.expiring_7d, counts.expiring_30d], [101, 107, 130]);
    assert.ok(keys.asked.every((filter) => filter.accountId === accountId));
    assert.deepEqual(
      keys.asked.filter(({ unusedSinceMs }) => unusedSinceMs !== undefined).map((filter) => filter.unusedSinceMs),
      [10 * DAY_MS],
    );
  });

  test("are read once a minute for metrics, however many scrapes there are, and a failure isn't an error", async () => {
    let monotonicMs = 0;
    let isBroken = false;
    const keys = countingKeys(() => {
      if (isBroken) throw new Error("the store is away");
      return 1;
    });
    const count = createKeyCounts(keys, { wallMs: () => 0, monotonicMs: () => monotonicMs });
    const first = await Promise.all([count(), count()]);
    assert.deepEqual(first[0], first[1]);
    const { length } = keys.asked;
    monotonicMs = 59_999;
    await count();
    assert.equal(keys.asked.length, length);
    isBroken = true;
    monotonicMs = 60_000;
    assert.equal(await count(), undefined);
    isBroken = false;
    monotonicMs = 120_000;
    assert.equal((await count())?.weak, 1);
  });
});
