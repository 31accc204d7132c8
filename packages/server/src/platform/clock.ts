/**
 * The process's surroundings: clock, randomness, files, log, processes. All other code takes them as parameters.
 */
import type { Clock } from "../core/surroundings.ts";

/**
 * The system's clock. `Date.now()` counts whole milliseconds; the monotonic clock adds the fraction. The result always lies in the
 * millisecond that `Date.now()` returns, so it follows a stepped wall clock immediately.
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
