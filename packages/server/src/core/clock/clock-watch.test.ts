import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTestClock, type TestClock } from "../../testing/test-clock.ts";
import { createClockWatch, describeOffset, explainClock, OFFSET_REPORTED_MS, STEP_MS_MIN } from "./clock-watch.ts";

const noDatabase = { clockMs: () => Promise.resolve(undefined) };

function moveWallMs(clock: TestClock, milliseconds: number): void {
  clock.setMicroseconds(clock.nowMicroseconds() + milliseconds * 1000);
}

describe("a step of the wall clock", () => {
  test("is reported once, with its size, forward and back; a sleep of the machine looks the same", () => {
    const clock = createTestClock();
    const watch = createClockWatch(noDatabase, clock);
    for (const stepMs of [3_600_000, -3_600_000, STEP_MS_MIN + 1, -STEP_MS_MIN - 1]) {
      clock.advanceSeconds(1);
      moveWallMs(clock, stepMs);
      assert.ok(Math.abs((watch.checkForStep() ?? NaN) - stepMs) < 0.01, `${stepMs}`);
      clock.advanceSeconds(1);
      assert.equal(watch.checkForStep(), undefined);
    }
    assert.equal(watch.steps(), 4);
    assert.ok(Math.abs(watch.lastStepMs() + STEP_MS_MIN + 1) < 0.01);
  });

  test("isn't reported for a process that was stopped, nor for a clock that is slewed", () => {
    const clock = createTestClock();
    const watch = createClockWatch(noDatabase, clock);
    clock.advanceSeconds(3600);
    assert.equal(watch.checkForStep(), undefined);
    for (let second = 0; second < 100; second++) {
      clock.advanceSeconds(1);
      moveWallMs(clock, 500);
      assert.equal(watch.checkForStep(), undefined);
    }
    assert.equal(watch.steps(), 0);
  });
});

describe("the difference to the database's clock", () => {
  /** A database whose clock differs by so much, and which takes so long before and after it reads the clock. */
  function databaseOf(clock: TestClock, aheadMs: number, tookSeconds: readonly [number, number] = [0, 0]) {
    return {
      clockMs: async () => {
        clock.advanceSeconds(tookSeconds[0]);
        const ms = Math.floor(clock.nowMicroseconds() / 1000) + aheadMs;
        clock.advanceSeconds(tookSeconds[1]);
        return ms;
      },
    };
  }

  test("is known once the clocks were compared; a database with this machine's clock has none", async () => {
    const clock = createTestClock();
    for (const aheadMs of [90_000, -90_000]) {
      const watch = createClockWatch(databaseOf(clock, aheadMs), clock);
      assert.equal(watch.databaseOffsetMs(), undefined);
      await watch.compare();
      assert.ok(Math.abs((watch.databaseOffsetMs() ?? NaN) + aheadMs) < 2);
    }
    const own = createClockWatch(noDatabase, clock);
    await own.compare();
    assert.equal(own.databaseOffsetMs(), undefined);
  });

  test("doesn't include the time that the answer took", async () => {
    const clock = createTestClock();
    for (const took of [
      [30, 0],
      [0, 30],
      [15, 15],
    ] as const) {
      const watch = createClockWatch(databaseOf(clock, 0, took), clock);
      await watch.compare();
      assert.ok(Math.abs(watch.databaseOffsetMs() ?? NaN) < 2, String(took));
    }
  });

  test("is described from 5 s on", async () => {
    assert.equal(describeOffset(undefined), undefined);
    assert.equal(describeOffset(OFFSET_REPORTED_MS), undefined);
    assert.equal(describeOffset(-OFFSET_REPORTED_MS), undefined);
    assert.equal(describeOffset(72_300), "this machine's clock is 72 s ahead of the database's");
    assert.equal(describeOffset(-72_300), "this machine's clock is 72 s behind the database's");
    const clock = createTestClock();
    assert.deepEqual(await explainClock(databaseOf(clock, 1000), clock), []);
    const [step] = await explainClock(databaseOf(clock, 72_000), clock);
    assert.equal(step?.outcome, "note");
    assert.match(step.detail, /^This machine's clock is 7[12] s behind the database's\.$/);
  });
});
