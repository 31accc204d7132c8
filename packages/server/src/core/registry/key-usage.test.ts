import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createKeyUsage } from "./key-usage.ts";
import type { KeyId } from "./model.ts";

const KEY = 1 as KeyId;
const OTHER = 2 as KeyId;

/** A store that writes down what it was given, and fails when told to. */
function usageStore() {
  const batches: [KeyId, number][][] = [];
  const state = { fails: false, meanwhile: () => {} };
  return {
    batches,
    state,
    recordKeyUsage: async (times: ReadonlyMap<KeyId, number>) => {
      state.meanwhile();
      if (state.fails) throw new Error("the store can't be reached");
      batches.push([...times]);
    },
  };
}

describe("key usage", () => {
  test("is written once for each key, with its last time", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    usage.record(KEY, 1);
    usage.record(OTHER, 2);
    usage.record(KEY, 3);
    await usage.flush();
    assert.deepEqual(store.batches, [
      [
        [KEY, 3],
        [OTHER, 2],
      ],
    ]);
  });

  test("costs nothing where there was none since the last flush", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    await usage.flush();
    usage.record(KEY, 1);
    await usage.flush();
    await usage.flush();
    assert.equal(store.batches.length, 1);
  });

  test("is kept for the next flush where the store fails, and the failure is told", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    store.state.fails = true;
    usage.record(KEY, 1);
    usage.record(OTHER, 2);
    await assert.rejects(usage.flush(), { message: "the store can't be reached" });
    usage.record(KEY, 3);
    store.state.fails = false;
    await usage.flush();
    assert.deepEqual(
      new Map(store.batches[0]),
      new Map([
        [KEY, 3],
        [OTHER, 2],
      ]),
    );
  });

  test("recorded while a flush is under way goes into the next one, even where that flush fails", async () => {
    const store = usageStore();
    const usage = createKeyUsage(store);
    for (const fails of [false, true]) {
      store.batches.length = 0;
      store.state.fails = fails;
      store.state.meanwhile = () => usage.record(KEY, 20);
      usage.record(KEY, 10);
      if (fails) await assert.rejects(usage.flush());
      else await usage.flush();
      store.state.fails = false;
      store.state.meanwhile = () => {};
      await usage.flush();
      assert.deepEqual(store.batches.at(-1), [[KEY, 20]]);
    }
  });
});
