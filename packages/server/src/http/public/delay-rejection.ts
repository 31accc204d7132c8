import { performance } from "node:perf_hooks";
import { Refusal } from "../../core/refusal.ts";

/**
 * An assertion that no key verifies is answered exactly this long after it came, in milliseconds. Otherwise the time would tell what
 * the answer doesn't: whether the user was in the view, in the store or nowhere, and how many keys it has. All of that takes less.
 */
const REJECTION_MS = 10;

/** Resolves after so many milliseconds. */
export type Pause = (milliseconds: number) => Promise<void>;

/** Runs the work; an `assertion_rejected` that it throws is delayed to a fixed time after its beginning. */
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
