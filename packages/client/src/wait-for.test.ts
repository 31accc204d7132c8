import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { fakeSurroundings } from "./testing/fake-surroundings.ts";
import { waitFor, withTimeout } from "./wait-for.ts";

const never = new Promise<never>(() => undefined);

describe("waiting with a signal", () => {
  test("leaves no listener on it, whatever came of it", async () => {
    const { signal } = new AbortController();
    assert.equal(await waitFor(Promise.resolve(1), signal), 1);
    await assert.rejects(waitFor(Promise.reject(new Error("x")), signal), /x/);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("ends with the signal's reason, also where it was aborted before", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const waiting = waitFor(never, controller.signal);
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(waitFor(never, controller.signal), reason);
  });
});

describe("work with a timeout", () => {
  const late = new Error("late");

  test("that ends in time stops the timer", async () => {
    const { startTimer, timers } = fakeSurroundings();
    assert.equal(
      await withTimeout(
        startTimer,
        5,
        () => late,
        async () => 1,
      ),
      1,
    );
    await assert.rejects(
      withTimeout(
        startTimer,
        5,
        () => late,
        () => Promise.reject(new Error("x")),
      ),
      /^Error: x$/,
    );
    assert.equal(timers(), 0);
  });

  test("that doesn't end is given up, even if it doesn't heed its signal", async () => {
    const { startTimer, fireTimer } = fakeSurroundings();
    const waiting = withTimeout(
      startTimer,
      5,
      () => late,
      () => never,
    );
    fireTimer();
    await assert.rejects(waiting, late);
  });

  test("that heeds its signal in words of its own is late all the same", async () => {
    const { startTimer, fireTimer } = fakeSurroundings();
    const waiting = withTimeout(
      startTimer,
      5,
      () => late,
      (signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("The operation was aborted.")));
        }),
    );
    fireTimer();
    await assert.rejects(waiting, late);
  });
});
