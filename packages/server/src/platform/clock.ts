/**
 * The process's surroundings: clock, randomness, log. Everything else takes them as parameters.
 */
import type { Clock } from "../core/surroundings.ts";

/**
 * The system's clock. `Date.now()` has milliseconds only; the monotonic clock supplies the digits below, and the result
 * never leaves the millisecond that `Date.now()` names, so a stepped wall clock is followed at once.
 */
export function createSystemClock(): Clock {
  let anchorWallMs = Date.now();
  let anchorMonotonicMs = performance.now();
  return {
    nowMicroseconds() {
      const wallMs = Date.now();
      const monotonicMs = performance.now();
      const sinceAnchorMs = monotonicMs - anchorMonotonicMs;
      const nowMs = anchorWallMs + sinceAnchorMs;
      if (nowMs >= wallMs && nowMs < wallMs + 1) return Math.floor(nowMs * 1000);
      anchorWallMs = wallMs;
      anchorMonotonicMs = monotonicMs;
      return wallMs * 1000;
    },
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
  };
}
