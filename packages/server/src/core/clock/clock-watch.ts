import type { ExplainStep } from "../explain.ts";
import type { Store } from "../store/store.ts";
import { type Clock, elapsedMs, momentOf } from "../surroundings.ts";

/** A difference between the wall clock and the monotonic clock that grew by more than this counts as a step, in milliseconds. */
export const STEP_MS_MIN = 2000;

/** A larger difference to the database's clock is reported to operators, in milliseconds. */
export const OFFSET_TOLD_MS = 5000;

/** With a larger difference, nearly every client's assertion is refused as too old or too new (60 s are allowed); in milliseconds. */
export const OFFSET_MS_MAX = 60_000;

/** Watches this machine's wall clock. */
export interface ClockWatch {
  /**
   * Checks whether the wall clock was set, or the machine slept, since the last call: both look the same. To be called about
   * every second.
   *
   * @returns by how many milliseconds the clock jumped ahead, or back (negative); `undefined` if it didn't jump
   */
  look(): number | undefined;
  /** Compares with the database's clock. */
  compare(): Promise<void>;
  /** How many steps were noticed. */
  steps(): number;
  /** By how much the last step moved it, in milliseconds; 0 before the first. */
  lastStepMs(): number;
  /**
   * By how many milliseconds at least this machine's clock is ahead of the database's, or behind (negative); `undefined` if
   * that isn't known, or the database uses this machine's clock.
   */
  databaseOffsetMs(): number | undefined;
}

export function createClockWatch(store: Pick<Store, "clockMs">, clock: Clock): ClockWatch {
  let seen = momentOf(clock);
  let steps = 0;
  let lastStepMs = 0;
  let offsetMs: number | undefined;
  return {
    look() {
      const now = momentOf(clock);
      const stepMs = now.wallMs - seen.wallMs - (now.monotonicMs - seen.monotonicMs);
      seen = now;
      if (Math.abs(stepMs) <= STEP_MS_MIN) return undefined;
      steps++;
      lastStepMs = stepMs;
      return stepMs;
    },
    async compare() {
      offsetMs = await measureOffsetMs(store, clock);
    },
    steps: () => steps,
    lastStepMs: () => lastStepMs,
    databaseOffsetMs: () => offsetMs,
  };
}

/** The least difference that is possible, since the database may have read its clock at any time during the question. */
async function measureOffsetMs(store: Pick<Store, "clockMs">, clock: Clock): Promise<number | undefined> {
  const asked = momentOf(clock);
  const databaseMs = await store.clockMs();
  if (databaseMs === undefined) return undefined;
  const tookMs = elapsedMs(clock, asked);
  const aheadAtLeastMs = asked.wallMs - databaseMs;
  if (aheadAtLeastMs > 0) return aheadAtLeastMs;
  return Math.min(0, aheadAtLeastMs + tookMs);
}

/** A sentence that says how the clocks differ; `undefined` if the difference is small or unknown. */
export function describeOffset(offsetMs: number | undefined): string | undefined {
  if (offsetMs === undefined || Math.abs(offsetMs) <= OFFSET_TOLD_MS) return undefined;
  const seconds = Math.floor(Math.abs(offsetMs) / 1000);
  return `this machine's clock is ${seconds} s ${offsetMs > 0 ? "ahead of" : "behind"} the database's`;
}

/** A note about this machine's clock for an explained assertion; empty if the clock is right. */
export async function explainClock(store: Pick<Store, "clockMs">, clock: Clock): Promise<readonly ExplainStep[]> {
  const problem = describeOffset(await measureOffsetMs(store, clock));
  if (problem === undefined) return [];
  return [
    {
      check: "time",
      outcome: "note",
      detail: `${problem[0]?.toUpperCase()}${problem.slice(1)}.`,
      hint: "One of the two is wrong. If it is this machine's, correct assertions are refused as too old or too new.",
    },
  ];
}
