import type { ExplainStep } from "../explain.ts";
import type { Store } from "../store/store.ts";
import { type Clock, elapsedMs, momentOf } from "../surroundings.ts";

/** A wall clock that moved by more than this against the monotonic one between two looks was set, in milliseconds. */
export const STEP_MS_MIN = 2000;

/** From this difference to the database's clock on, operators are told, in milliseconds. */
export const OFFSET_TOLD_MS = 5000;

/** Beyond this difference nearly every client's assertion is refused as too old or too new (60 s are allowed), in milliseconds. */
export const OFFSET_MS_MAX = 60_000;

/** What is known of this machine's clock. */
export interface ClockWatch {
  /**
   * Looks whether the wall clock was set since the last look, or the machine slept: both look the same. To be called every
   * second or so.
   *
   * @returns by how many milliseconds it moved ahead, or back (negative); `undefined` where it went as time does
   */
  look(): number | undefined;
  /** Compares with the database's clock. */
  compare(): Promise<void>;
  /** How often the clock was set, as far as was noticed. */
  steps(): number;
  /** By how much the last step moved it, in milliseconds; 0 before the first. */
  lastStepMs(): number;
  /**
   * How far this machine's clock is ahead of the database's, or behind (negative), in milliseconds, at least; `undefined` where
   * that isn't known or the database has this machine's clock.
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

/** The difference that remains whenever within the question the database looked at its clock. */
async function measureOffsetMs(store: Pick<Store, "clockMs">, clock: Clock): Promise<number | undefined> {
  const asked = momentOf(clock);
  const databaseMs = await store.clockMs();
  if (databaseMs === undefined) return undefined;
  const tookMs = elapsedMs(clock, asked);
  const aheadAtLeastMs = asked.wallMs - databaseMs;
  if (aheadAtLeastMs > 0) return aheadAtLeastMs;
  return Math.min(0, aheadAtLeastMs + tookMs);
}

/** Says that the clocks differ; `undefined` where they don't, or not by much. */
export function describeOffset(offsetMs: number | undefined): string | undefined {
  if (offsetMs === undefined || Math.abs(offsetMs) <= OFFSET_TOLD_MS) return undefined;
  const seconds = Math.floor(Math.abs(offsetMs) / 1000);
  return `this machine's clock is ${seconds} s ${offsetMs > 0 ? "ahead of" : "behind"} the database's`;
}

/** What there is to say about this machine's clock beside an explained assertion: a note, or nothing. */
export async function explainClock(store: Pick<Store, "clockMs">, clock: Clock): Promise<readonly ExplainStep[]> {
  const problem = describeOffset(await measureOffsetMs(store, clock));
  if (problem === undefined) return [];
  return [
    {
      check: "time",
      outcome: "note",
      detail: `${problem[0]?.toUpperCase()}${problem.slice(1)}.`,
      hint: "One of the two is wrong. Where it is this machine's, right assertions are refused as too old or too new.",
    },
  ];
}
