import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";

/** The longest time from the request for a write until its commit begins, in milliseconds. */
export const WRITE_MS_MAX = 5000;

/** Limits one write as a whole: the wait for its turn, the wait for another process's lock, and the work. */
export interface Deadline {
  /** Has the deadline passed? If so, the write must not commit. */
  isOver(): boolean;
  /**
   * Settles as the write does, or rejects when the deadline passes. The write itself runs on until {@link beginCommit} throws, so
   * it never commits.
   */
  race<Result>(write: Promise<Result>): Promise<Result>;
  /**
   * Call it directly before the commit, with no I/O in between. After that the deadline has no effect: the caller gets the
   * result of the commit.
   *
   * @throws the error that `problem` makes, if the deadline has passed
   */
  beginCommit(): void;
}

/**
 * Starts a deadline.
 *
 * @param msMax at equality the deadline has passed; with `Infinity` it never passes
 * @param problem makes the error with which a late write rejects
 */
export function startDeadline(msMax: number, problem: () => Error): Deadline {
  const endsAtMs = performance.now() + msMax;
  const { promise: passed, reject } = Promise.withResolvers<never>();
  // Once the write has ended, no caller handles this rejection.
  passed.catch(() => undefined);
  let hasPassed = false;
  const pass = () => {
    hasPassed = true;
    reject(problem());
  };
  // A timer's delay is at most 2^31 - 1 ms.
  const timer = Number.isFinite(msMax) ? setTimeout(pass, msMax) : undefined;
  const isOver = () => hasPassed || performance.now() >= endsAtMs;
  return {
    isOver,
    async race(write) {
      try {
        return await Promise.race([write, passed]);
      } finally {
        clearTimeout(timer);
      }
    },
    beginCommit() {
      if (isOver()) throw problem();
      clearTimeout(timer);
    },
  };
}
