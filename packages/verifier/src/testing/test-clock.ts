import type { Clock } from "../clock.ts";

/** A clock that moves only when it is told to, and the timers that hang on it. */
export interface TestClock extends Clock {
  /** Moves both clocks and fires what became due, in order. */
  advance(ms: number): void;
  /** Moves both clocks and fires nothing: what a process finds that was stopped for so long. */
  stopProcess(ms: number): void;
  /** Moves the wall clock alone: what somebody who sets it does. */
  setWall(ms: number): void;
  /** Moves the wall clock alone, while the monotonic one stood still: what a machine that slept finds. */
  sleepMachine(ms: number): void;
  /** For how many milliseconds from now each timer waits. */
  timers(): readonly number[];
}

/** 2016-12-13T17:30:53.342Z, the instant of the documented example. */
export const EXAMPLE_NOW_MS = 1_481_650_253_342;

export function createTestClock(): TestClock {
  let wallMs = EXAMPLE_NOW_MS;
  let monotonicMs = 1000;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  function move(ms: number): void {
    wallMs += ms;
    monotonicMs += ms;
  }

  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    after(ms, run) {
      const timer = { atMs: monotonicMs + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const endMs = monotonicMs + ms;
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        timers.delete(next);
        move(Math.max(0, next.atMs - monotonicMs));
        next.run();
      }
      move(endMs - monotonicMs);
    },
    stopProcess: move,
    setWall(ms) {
      wallMs = ms;
    },
    sleepMachine(ms) {
      wallMs += ms;
    },
    timers: () => [...timers].map(({ atMs }) => atMs - monotonicMs),
  };
}
