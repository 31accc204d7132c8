import type { Clock } from "../surroundings.ts";

/** A wall clock that moved so much against the monotonic one was set, in milliseconds; drift is slower. */
const STEP_MS_MIN = 60_000;

/** A new time that lasts for so long is believed, in milliseconds. */
const BELIEVED_AFTER_MS = 3_600_000;

/**
 * Makes a function that says whether the wall clock can be believed now: it wasn't set by over a minute within the last hour. What
 * is removed by a clock that was ahead for a moment doesn't come back when the clock does.
 */
export function createStepWatch(clock: Clock): () => boolean {
  const skewMs = () => clock.nowMicroseconds() / 1000 - clock.monotonicMs();
  let believedSkewMs = skewMs();
  let steppedAtMs: number | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (Math.abs(skewMs() - believedSkewMs) < STEP_MS_MIN) {
      steppedAtMs = undefined;
      return true;
    }
    steppedAtMs ??= nowMs;
    if (nowMs - steppedAtMs < BELIEVED_AFTER_MS) return false;
    believedSkewMs = skewMs();
    steppedAtMs = undefined;
    return true;
  };
}
