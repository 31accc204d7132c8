import { performance } from "node:perf_hooks";
import { Refusal } from "../../core/refusal.ts";

/**
 * An assertion that no key verifies is answered this long after it arrived, in milliseconds. Otherwise the time would reveal what
 * the answer conceals: whether the user was in the view, in the store or nowhere, and how many keys it has. The work takes less
 * time than this.
 */
const REJECTION_MS = 10;

/** Resolves after this many milliseconds. */
export type Pause = (milliseconds: number) => Promise<void>;

/** Runs the work. If it throws `assertion_rejected`, the refusal is delayed to a fixed time after the start. */
export type DelayRejection = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createDelayRejection(pause: Pause): DelayRejection {
  return (work) => {
    const startedAtMs = performance.now();
    return work().catch(async (error: unknown) => {
      if (error instanceof Refusal && error.code === "assertion_rejected") {
        await pause(Math.max(0, startedAtMs + REJECTION_MS - performance.now()));
      }
      throw error;
    });
  };
}
