/**
 * What tests share: a settable clock, fixed randomness, RSA key pairs, assertions in any shape, and a registry in a folder
 * of its own.
 *
 * Only the clock and the randomness are fakes; stores, keys and signatures are real. Nothing outside a test may import from
 * here, and nothing here asserts.
 */
import type { Clock } from "../core/surroundings.ts";

/** The instant of the documented example: 2016-12-13T17:30:53.342885Z. */
export const EXAMPLE_NOW_MICROSECONDS = 1_481_650_253_342_885;

/** A clock that moves only when a test moves it. */
export interface TestClock extends Clock {
  /** Sets the wall clock alone: what a stepped clock does. */
  setMicroseconds(microseconds: number): void;
  /** Moves the wall clock and the monotonic one. */
  advanceSeconds(seconds: number): void;
  /** Moves the monotonic clock alone. */
  advanceMonotonicMs(milliseconds: number): void;
}

/** A stopped clock at the given instant. The monotonic time starts at an arbitrary, positive value. */
export function createTestClock(startMicroseconds = EXAMPLE_NOW_MICROSECONDS): TestClock {
  let wallMicroseconds = startMicroseconds;
  let monotonicMs = 1000;
  return {
    nowMicroseconds: () => wallMicroseconds,
    wallMs: () => Math.floor(wallMicroseconds / 1000),
    monotonicMs: () => monotonicMs,
    setMicroseconds(microseconds) {
      wallMicroseconds = microseconds;
    },
    advanceSeconds(seconds) {
      wallMicroseconds += Math.round(seconds * 1e6);
      monotonicMs += seconds * 1000;
    },
    advanceMonotonicMs(milliseconds) {
      monotonicMs += milliseconds;
    },
  };
}
