import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WATCHED_POLL_MS, watchFeed } from "./watch-feed.ts";

/** A store that reports changes when the test wants it to, and a feed that counts how it is read. */
function watch(isReliable: boolean) {
  const state = { isReliable, confirmedMsAgo: 0, catchUps: 0, polls: 0, isStopped: false, errors: [] as unknown[] };
  let report = (): void => assert.fail("nothing watches");
  let failure: Error | undefined;
  const watching = watchFeed(
    {
      watchChanges(onChange) {
        report = onChange;
        return {
          isReliable: () => state.isReliable,
          stop() {
            state.isStopped = true;
            return Promise.resolve();
          },
        };
      },
    },
    {
      confirmedMsAgo: () => state.confirmedMsAgo,
      async catchUp() {
        state.catchUps++;
        if (failure !== undefined) throw failure;
      },
      async poll() {
        state.polls++;
      },
    },
    (error) => state.errors.push(error),
  );
  return { state, watching, report: () => report(), fail: (error: Error) => (failure = error) };
}

describe("a watched feed", () => {
  test("is caught up at each report of the store, and a failure is passed on", async () => {
    const { state, report, fail } = watch(true);
    report();
    assert.equal(state.catchUps, 1);
    await Promise.resolve();
    const failure = new Error("unreachable");
    fail(failure);
    report();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    assert.deepEqual(state.errors, [failure]);
  });

  test("is polled only to confirm it while reports are reliable, and always where they aren't", async () => {
    const { state, watching } = watch(true);
    for (const [confirmedMsAgo, isReliable, polls] of [
      [0, true, 0],
      [WATCHED_POLL_MS - 1, true, 0],
      [WATCHED_POLL_MS, true, 1],
      [Number.POSITIVE_INFINITY, true, 2],
      [0, false, 3],
    ] as const) {
      Object.assign(state, { confirmedMsAgo, isReliable });
      await watching.poll();
      assert.equal(state.polls, polls, `${confirmedMsAgo} ${isReliable}`);
    }
  });

  test("ends with the store's reports", async () => {
    const { state, watching } = watch(true);
    await watching.stop();
    assert.equal(state.isStopped, true);
  });
});
