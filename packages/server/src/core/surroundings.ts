/** What the core needs of the process around it. `platform/` implements these; tests pass their own. */

/** The two times that the service needs. */
export interface Clock {
  /** Wall-clock time in microseconds since the epoch, an integer. */
  nowMicroseconds(): number;
  /** Milliseconds on a clock that never steps and goes on while the process is stopped. For measuring, not for telling. */
  monotonicMs(): number;
}

/** Randomness fit for secrets. */
export interface Random {
  /** An unsigned 32-bit integer. */
  uint32(): number;
  /** That many bytes. */
  bytes(length: number): Buffer;
}

/** Wall-clock time in whole milliseconds since the epoch, rounded down. */
export function nowMs(clock: Clock): number {
  return Math.floor(clock.nowMicroseconds() / 1000);
}
