import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClock, EXAMPLE_NOW_MICROSECONDS } from "../../testing/test-clock.ts";
import { createStepWatch } from "./step-watch.ts";

const DAY_MICROSECONDS = 86_400_000_000;

test("a steady clock is trusted, however long it runs", () => {
  const clock = createTestClock();
  const isBelievable = createStepWatch(clock);
  for (let hour = 0; hour < 100; hour++) {
    clock.advanceSeconds(3600);
    assert.equal(isBelievable(), true);
  }
});

test("a clock that jumps a day ahead isn't trusted until it is back", () => {
  for (const stepMicroseconds of [DAY_MICROSECONDS, -DAY_MICROSECONDS]) {
    const clock = createTestClock();
    const isBelievable = createStepWatch(clock);
    clock.setMicroseconds(EXAMPLE_NOW_MICROSECONDS + stepMicroseconds);
    assert.equal(isBelievable(), false);
    clock.advanceSeconds(3599);
    assert.equal(isBelievable(), false);
    clock.setMicroseconds(EXAMPLE_NOW_MICROSECONDS + 3_599_000_000);
    assert.equal(isBelievable(), true);
  }
});

test("a new time is trusted once it has lasted an hour", () => {
  const clock = createTestClock();
  const isBelievable = createStepWatch(clock);
  clock.setMicroseconds(EXAMPLE_NOW_MICROSECONDS + DAY_MICROSECONDS);
  assert.equal(isBelievable(), false);
  clock.advanceSeconds(3600);
  assert.equal(isBelievable(), true);
  clock.advanceSeconds(10);
  assert.equal(isBelievable(), true);
});

test("a change of less than a minute is drift; a minute is a step", () => {
  const clock = createTestClock();
  const isBelievable = createStepWatch(clock);
  clock.setMicroseconds(EXAMPLE_NOW_MICROSECONDS + 59_999_000);
  assert.equal(isBelievable(), true);
  clock.setMicroseconds(EXAMPLE_NOW_MICROSECONDS + 60_000_000);
  assert.equal(isBelievable(), false);
});
