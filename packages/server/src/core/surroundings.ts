/** What the core needs from the process. `platform/` implements it; tests pass their own implementations. */

/** The wall clock and the monotonic clock. */
export interface Clock {
  /** Wall-clock time in microseconds since the epoch, an integer. */
  nowMicroseconds(): number;
  /** The same in whole milliseconds, rounded down. It is cheaper, because token checks need it several times. */
  wallMs(): number;
  /**
   * Milliseconds on a clock that never steps and keeps running while the process is stopped, for measuring durations. It stops while
   * the machine sleeps; use {@link elapsedMs} for the age of something that must not be old.
   */
  monotonicMs(): number;
}

/** The same instant on both clocks. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The current instant on both clocks. */
export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

/**
 * An upper bound on the time since a moment, to within a millisecond. The wall clock counts the machine's sleep, and the monotonic
 * clock isn't affected when the time is set back. If the wall clock is set ahead, the result is too large.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.wallMs() - since.wallMs);
}

/** Cryptographically secure randomness. */
export interface Random {
  /** An unsigned 32-bit integer. */
  uint32(): number;
  /** `length` random bytes. */
  bytes(length: number): Buffer;
}

/** Waits for so many milliseconds, or until the signal is aborted; it never rejects. */
export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;
