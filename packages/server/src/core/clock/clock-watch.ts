import type { ExplainStep } from "../explain.ts";
import type { Store } from "../store/store.ts";
import { type Clock, elapsedMs, momentOf } from "../surroundings.ts";

/** A change of more than this between the wall clock and the monotonic clock counts as a step, in milliseconds. */
export const STEP_MS_MIN = 2000;

/** A larger difference to the database's clock is reported to operators, in milliseconds. */
export const OFFSET_REPORTED_MS = 5000;

/** With a larger difference, in milliseconds, nearly every assertion is refused as too old or too new (60 s are allowed). */
export const OFFSET_MS_MAX = 60_000;

/** Watches this machine's wall clock. */
export interface ClockWatch {
  /**
   * Checks whether the wall clock was set, or the machine slept, since the last call; the two can't be distinguished. Call it about
   * every second.
   *
   * @returns by how many milliseconds the clock jumped ahead, or back (negative); `undefined` if it didn't jump
   */
  checkForStep(): number | undefined;
  /** Compares this machine's clock with the database's. */
  compare(): Promise<void>;
  /** How many steps were detected. */
  steps(): number;
  /** How far the last step moved the clock, in milliseconds; 0 before the first. */
  lastStepMs(): number;
  /**
   * How many milliseconds, at least, this machine's clock is ahead of the database's, or behind (negative); `undefined` if
   * unknown, or if the database uses this machine's clock.
   */
  databaseOffsetMs(): number | undefined;
}

export function createClockWatch(store: Pick<Store, "clockMs">, clock: Clock): ClockWatch {
  let seen = momentOf(clock);
  let steps = 0;
  let lastStepMs = 0;
  let offsetMs: number | undefined;
  return {
    checkForStep() {
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

/** Measures the least possible difference: the database may have read its clock at any time during the query. */
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
  if (offsetMs === undefined || Math.abs(offsetMs) <= OFFSET_REPORTED_MS) return undefined;
  const seconds = Math.floor(Math.abs(offsetMs) / 1000);
  return `this machine's clock is ${seconds} s ${offsetMs > 0 ? "ahead of" : "behind"} the database's`;
}

/** A note about this machine's clock for an explained assertion; empty if the clocks agree. */
export async function explainClock(store: Pick<Store, "clockMs">, clock: Clock): Promise<readonly ExplainStep[]> {
  const problem = describeOffset(await measureOffsetMs(store, clock));
  if (problem === undefined) return [];
  return [
    {
      check: "time",
      outcome: "note",
      detail: `${problem[0]?.toUpperCase()}${problem.slice(1)}.`,
      hint: "One of the clocks is wrong. If it is this machine's, correct assertions are refused as too old or too new.",
    },
  ];
}
