import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";

/** How long a write may take from when it was asked for until its commit begins, in milliseconds. */
export const WRITE_MS_MAX = 5000;

/** Limits one write as a whole: the wait for its turn, the wait for another process's lock, and the work. */
export interface Deadline {
  /** Has it passed? Then the write must not commit. */
  isOver(): boolean;
  /**
   * Settles as the write does, or rejects when the deadline passes. The write itself goes on until it notices; it is never
   * committed, since {@link beginCommit} throws.
   */
  race<Result>(write: Promise<Result>): Promise<Result>;
  /**
   * To be called directly before the commit, with no I/O in between. From then on the deadline ends nothing any more: the
   * caller gets what the commit comes to.
   *
   * @throws what `problem` makes, where the deadline has passed
   */
  beginCommit(): void;
}

/**
 * Starts a deadline.
 *
 * @param msMax at equality it has passed; `Infinity` never does
 * @param problem makes the error with which the write ends then
 */
export function startDeadline(msMax: number, problem: () => Error): Deadline {
  const endsAtMs = performance.now() + msMax;
  const { promise: passed, reject } = Promise.withResolvers<never>();
  // A write that has ended doesn't look at it any more.
  passed.catch(() => undefined);
  let hasPassed = false;
  const pass = () => {
    hasPassed = true;
    reject(problem());
  };
  // No timer takes longer than 2^31 - 1 ms.
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
