import type { Clock } from "../surroundings.ts";

/** A wall clock that moved this much against the monotonic one was set, in milliseconds; drift is slower. */
const STEP_MS_MIN = 60_000;

/** A new time that has lasted this long is trusted, in milliseconds. */
const TRUSTED_AFTER_MS = 3_600_000;

/**
 * Creates a function that says whether the wall clock can be trusted: it wasn't set by more than a minute within the last hour.
 * Rows that are removed because a clock was ahead for a moment don't come back when the clock does.
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
