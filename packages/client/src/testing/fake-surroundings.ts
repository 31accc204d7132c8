import type { Clock, Surroundings } from "../surroundings.ts";

/** Time that stands still until a test, or a pause, moves it. */
export interface FakeSurroundings extends Omit<Surroundings, "fetch"> {
  readonly clock: Clock;
  /** Every pause that was slept, in milliseconds. */
  readonly pauses: number[];
  /** What {@link Surroundings.random} gives. */
  chance: number;
  /** Moves both clocks. */
  readonly advance: (seconds: number) => void;
  /** Sets the wall clock alone, as an administrator does. */
  readonly setWall: (seconds: number) => void;
  /** Lets the timer that ends first run out, and moves the clocks to its end. */
  readonly fireTimer: () => void;
  /** How many timers run. */
  readonly timers: () => number;
}

/** Begins at this moment: 2026-01-01. */
export const NOW_SECONDS = 1_767_225_600;

/** @param onPause called in each pause, after the clocks have moved */
export function fakeSurroundings(onPause: () => void = () => undefined): FakeSurroundings {
  let wallMs = NOW_SECONDS * 1000;
  let monotonicMs = 5000;
  const pauses: number[] = [];
  const timers = new Map<object, { readonly endMs: number; readonly run: () => void }>();
  const advance = (seconds: number) => {
    wallMs += seconds * 1000;
    monotonicMs += seconds * 1000;
  };
  const self: FakeSurroundings = {
    clock: { wallMs: () => wallMs, monotonicMs: () => monotonicMs },
    pauses,
    chance: 0.5,
    random: () => self.chance,
    async sleep(ms) {
      pauses.push(ms);
      advance(ms / 1000);
      onPause();
    },
    startTimer(ms, run) {
      const timer = {};
      timers.set(timer, { endMs: monotonicMs + ms, run });
      return () => timers.delete(timer);
    },
    advance,
    setWall(seconds) {
      wallMs = seconds * 1000;
    },
    fireTimer() {
      const [first] = [...timers].sort(([, a], [, b]) => a.endMs - b.endMs);
      if (first === undefined) throw new Error("No timer runs.");
      const [timer, { endMs, run }] = first;
      timers.delete(timer);
      advance((endMs - monotonicMs) / 1000);
      run();
    },
    timers: () => timers.size,
  };
  return self;
}
