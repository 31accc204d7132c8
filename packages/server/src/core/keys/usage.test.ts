import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createKeyUsage } from "./usage.ts";
import type { KeyId } from "./model.ts";
import type { KeyUsageRecord } from "./usage-store.ts";

const KEY = 1 as KeyId;
const OTHER = 2 as KeyId;

/** When an hour begins, in seconds since the epoch. */
const HOUR = 1_481_652_000;

/** When the tokens of most tests expire, in seconds since the epoch: at the end of ten minutes. */
const EXPIRY = HOUR + 900 * 600;

/** A store that records what it was given, and fails when the test wants it to. */
function usageStore() {
  const batches: (readonly KeyUsageRecord[])[] = [];
  const state = { fails: false, meanwhile: () => {} };
  return {
    batches,
    state,
    record: async (usage: readonly KeyUsageRecord[]) => {
      state.meanwhile();
      if (state.fails) throw new Error("the store can't be reached");
      batches.push(usage);
    },
  };
}

function recordOf(
  keyId: KeyId,
  lastUsedAtMs: number,
  ...hours: readonly (readonly [number, number])[]
): KeyUsageRecord {
  const tokens = hours.reduce((sum, [, count]) => sum + count, 0);
  return { keyId, lastUsedAtMs, tokensByHour: new Map(hours), tokensByExpiry: new Map([[EXPIRY, tokens]]) };
}

describe("key usage", () => {
  test("is written once for each key, with its last use and the tokens of the hour", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    usage.record(KEY, 1, EXPIRY);
    usage.record(OTHER, 2, EXPIRY);
    usage.record(KEY, 3, EXPIRY);
    await usage.flush();
    assert.deepEqual(store.batches, [[recordOf(KEY, 3, [0, 2]), recordOf(OTHER, 2, [0, 1])]]);
  });

  test("isn't written where there was none since the last flush", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    await usage.flush();
    usage.record(KEY, 1, EXPIRY);
    await usage.flush();
    await usage.flush();
    assert.equal(store.batches.length, 1);
  });

  test("is kept for the next flush where the store fails, and the failure is reported", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    store.state.fails = true;
    usage.record(KEY, 1, EXPIRY);
    usage.record(OTHER, 2, EXPIRY);
    await assert.rejects(usage.flush(), { message: "the store can't be reached" });
    usage.record(KEY, 3, EXPIRY);
    await assert.rejects(usage.flush(), { message: "the store can't be reached" });
    store.state.fails = false;
    await usage.flush();
    assert.deepEqual(store.batches, [[recordOf(KEY, 3, [0, 2]), recordOf(OTHER, 2, [0, 1])]]);
  });

  test("recorded while a flush is under way goes into the next one, even where that flush fails", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    for (const fails of [false, true]) {
      store.batches.length = 0;
      store.state.fails = fails;
      store.state.meanwhile = () => usage.record(KEY, 20, EXPIRY);
      usage.record(KEY, 10, EXPIRY);
      if (fails) await assert.rejects(usage.flush());
      else await usage.flush();
      store.state.fails = false;
      store.state.meanwhile = () => {};
      await usage.flush();
      assert.deepEqual(store.batches.at(-1), [recordOf(KEY, 20, [0, fails ? 2 : 1])]);
    }
  });

  for (const [offset, hour] of [
    [-1, HOUR - 3600],
    [0, HOUR],
    [1, HOUR],
  ] as const) {
    test(`of ${offset} s from an hour's beginning counts for the hour that began ${HOUR - hour} s before it`, async () => {
      const store = usageStore();
      const usage = createKeyUsage(store);
      usage.record(KEY, (HOUR + offset) * 1000, EXPIRY);
      await usage.flush();
      assert.deepEqual(store.batches, [[recordOf(KEY, (HOUR + offset) * 1000, [hour, 1])]]);
    });
  }

  test("counts up to the last microsecond for the hour that ends, fractions of a millisecond included", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    usage.record(KEY, HOUR * 1000 - 0.001, EXPIRY);
    usage.record(KEY, HOUR * 1000, EXPIRY);
    await usage.flush();
    const [[record] = []] = store.batches;
    assert.deepEqual(
      new Map(record?.tokensByHour),
      new Map([
        [HOUR - 3600, 1],
        [HOUR, 1],
      ]),
    );
  });

  test("of several hours in one flush is kept apart by hour, also when a clock that was set back returns to an hour", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    const times = [-3601, -3600, 0, -1, 3600, 1, 2];
    for (const seconds of times) usage.record(KEY, (HOUR + seconds) * 1000, EXPIRY);
    store.state.fails = true;
    await assert.rejects(usage.flush());
    store.state.fails = false;
    usage.record(KEY, (HOUR - 3601) * 1000, EXPIRY);
    await usage.flush();
    const [[record] = []] = store.batches;
    assert.equal(record?.lastUsedAtMs, (HOUR + 3600) * 1000, "a last use never goes back");
    assert.deepEqual(
      [...(record?.tokensByHour ?? [])].toSorted(([a], [b]) => a - b),
      [
        [HOUR - 7200, 2],
        [HOUR - 3600, 2],
        [HOUR, 3],
        [HOUR + 3600, 1],
      ],
    );
  });

  for (const [offset, end] of [
    [-600, HOUR - 600],
    [-599, HOUR],
    [-1, HOUR],
    [0, HOUR],
    [1, HOUR + 600],
  ] as const) {
    test(`of a token that expires ${offset} s from the end of ten minutes counts for those that end at ${end}`, async () => {
      const store = usageStore();
      const usage = createKeyUsage(store);
      usage.record(KEY, 1, HOUR + offset);
      await usage.flush();
      assert.deepEqual(store.batches[0]?.[0]?.tokensByExpiry, new Map([[end, 1]]));
    });
  }

  test("of tokens that expire at several times is kept apart by expiry, also over a failed flush", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    const expiries = [0, 600, 1, 1200, 600, 0];
    for (const seconds of expiries) usage.record(KEY, 1, HOUR + seconds);
    store.state.fails = true;
    await assert.rejects(usage.flush());
    usage.record(KEY, 1, HOUR + 1200);
    usage.record(OTHER, 1, HOUR);
    await assert.rejects(usage.flush());
    store.state.fails = false;
    await usage.flush();
    const tokens = store.batches[0]?.map(({ tokensByExpiry }) => [...tokensByExpiry].toSorted(([a], [b]) => a - b));
    assert.deepEqual(tokens, [
      [
        [HOUR, 2],
        [HOUR + 600, 3],
        [HOUR + 1200, 2],
      ],
      [[HOUR, 1]],
    ]);
  });
});
