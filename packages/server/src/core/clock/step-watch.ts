import type { Clock } from "../surroundings.ts";

/** A wall clock that moved this much against the monotonic clock, in milliseconds, was set: drift is slower. */
const STEP_MS_MIN = 60_000;

/** After this long, in milliseconds, a new time is trusted. */
const TRUSTED_AFTER_MS = 3_600_000;

/**
 * Creates a function that says whether the wall clock can be trusted, which it can unless it was set by more than a minute within
 * the last hour. Clean-up needs it: rows deleted while a clock was temporarily ahead are lost.
 */
export function createStepWatch(clock: Clock): () => boolean {
  const skewMs = () => clock.nowMicroseconds() / 1000 - clock.monotonicMs();
  let trustedSkewMs = skewMs();
  let steppedAtMs: number | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (Math.abs(skewMs() - trustedSkewMs) < STEP_MS_MIN) {
      steppedAtMs = undefined;
      return true;
    }
    steppedAtMs ??= nowMs;
    if (nowMs - steppedAtMs < TRUSTED_AFTER_MS) return false;
    trustedSkewMs = skewMs();
    steppedAtMs = undefined;
    return true;
  };
}
