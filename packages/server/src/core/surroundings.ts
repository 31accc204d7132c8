/** What the core needs of the process around it. `platform/` implements these; tests pass their own. */

/** The two times that the service needs. */
export interface Clock {
  /** Wall-clock time in microseconds since the epoch, an integer. */
  nowMicroseconds(): number;
  /** The same in whole milliseconds, rounded down. Cheaper: checks ask for it several times. */
  wallMs(): number;
  /**
   * Milliseconds on a clock that never steps and goes on while the process is stopped. For measuring, not for telling. It stands
   * still while the machine sleeps: for the age of something that must not be old, see {@link elapsedMs}.
   */
  monotonicMs(): number;
}

/** The same instant on both clocks. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The present moment. */
export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

/**
 * How long ago a moment was at most, to within a millisecond, whatever happened to the clocks: the wall clock knows of a machine's sleep,
 * and the monotonic one isn't fooled when the time is set back. A wall clock that is set ahead makes it too much.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.wallMs() - since.wallMs);
}

/** Randomness fit for secrets. */
export interface Random {
  /** An unsigned 32-bit integer. */
  uint32(): number;
  /** That many bytes. */
  bytes(length: number): Buffer;
}
