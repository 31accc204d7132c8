/**
 * What the SDK takes from the platform: time, randomness, timers and the network. All of it can be replaced, so that tests
 * don't wait and unusual platforms can supply their own.
 */

/** Time, in milliseconds. */
export interface Clock {
  /** Since the epoch. It may jump when it is set; assertions are dated by it. */
  readonly wallMs: () => number;
  /** Since any moment. It never goes back, but may stand still while the machine sleeps; it measures spans. */
  readonly monotonicMs: () => number;
}

/** Gives numbers from 0 to below 1. They only spread load, so they needn't be unpredictable. */
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
