/** Time, as the verifier needs it; all in milliseconds. Tests pass their own. */
export interface Clock {
  /** Since the epoch. It may jump when it is set; tokens expire by it. */
  wallMs(): number;
  /** Since any moment. It never goes back, and goes on while the process is stopped, but not while the machine sleeps. */
  monotonicMs(): number;
  /**
   * Calls `run` once after so many milliseconds, unless the returned function is called first.
   *
   * @param keepsProcess whether the timer keeps the process alive: only while a caller waits
   */
  after(ms: number, run: () => void, keepsProcess?: boolean): () => void;
}

/** The same instant on both clocks. An age is the larger of the two differences, since either clock may stand still or be set back. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, run, keepsProcess = false) {
    const timer = setTimeout(run, ms);
    if (!keepsProcess) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Waits so many milliseconds. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve, true);
  });
}
