/**
 * What the SDK takes from outside itself: time, chance, timers and the network. All of it can be replaced, so that
 * tests need no waiting, and a platform with something special can bring it.
 */

/** Time, in milliseconds. */
export interface Clock {
  /** Since the epoch. It may jump when somebody sets it; it names the moment of an assertion. */
  readonly wallMs: () => number;
  /** Since any moment. It never goes back, but may stand still while the machine sleeps; it measures spans. */
  readonly monotonicMs: () => number;
}

/** Gives numbers from 0 to below 1. They spread load and guard nothing, so they needn't be unpredictable. */
export type Random = () => number;

/** Resolves after a pause between two attempts. */
export type Sleep = (ms: number) => Promise<void>;

/** Calls `run` once, after `ms` milliseconds, unless the function that it returns is called before. */
export type StartTimer = (ms: number, run: () => void) => () => void;

/** As much of `fetch` as the SDK calls. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly sleep: Sleep;
  readonly startTimer: StartTimer;
  readonly fetch: Fetch;
}

/** The platform's own. `fetch` is looked up with each call, so that what an application puts there later is heeded. */
export const SYSTEM: Surroundings = {
  clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  random: () => Math.random(),
  sleep: (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    }),
  startTimer(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  fetch: (input, init) => globalThis.fetch(input, init),
};
