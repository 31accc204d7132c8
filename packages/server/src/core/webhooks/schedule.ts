import type { Random } from "../surroundings.ts";
import type { DeliveryState } from "./model.ts";

/** The wait after the first failure, in milliseconds. It doubles with each further failure. */
const RETRY_MS_FIRST = 5000;

/** The longest wait between two attempts, in milliseconds; a receiver's `Retry-After` asks for no more. */
export const RETRY_MS_MAX = 3_600_000;

/** How long an event is tried before its endpoint is disabled, in milliseconds: 3 days. */
export const FAILING_MS_MAX = 3 * 86_400_000;

/**
 * How many attempts must have failed before an endpoint is disabled. In 3 days there are about 80; a wall clock that was set ahead,
 * or a service that was off for days, disables nothing after a few.
 */
export const FAILED_ATTEMPTS_MIN = 20;

/** What follows a failed attempt: the next one, or none. */
export interface AfterFailure extends Pick<DeliveryState, "attempts" | "failingSinceMs" | "nextAttemptAtMs"> {
  /** Has it failed for {@link FAILING_MS_MAX} or longer, and {@link FAILED_ATTEMPTS_MIN} times? */
  readonly isOver: boolean;
}

/**
 * Counts a failed attempt, and chooses the time of the next one: exponential backoff, of which up to a fifth is left out at random,
 * so that endpoints of one receiver don't come back all at once.
 *
 * @param retryAfterMs what the receiver asks for; a wait shorter than the backoff is ignored, a longer one is bounded
 */
export function afterFailure(
  { attempts, failingSinceMs }: Pick<DeliveryState, "attempts" | "failingSinceMs">,
  nowMs: number,
  retryAfterMs: number,
  random: Random,
): AfterFailure {
  const failed = attempts + 1;
  // A first failure in the future was recorded by a clock that was ahead.
  const sinceMs = Math.min(failingSinceMs ?? nowMs, nowMs);
  const backoffMs = Math.min(RETRY_MS_FIRST * 2 ** attempts, RETRY_MS_MAX);
  const jittered = Math.round(backoffMs * (1 - (random.uint32() / 2 ** 32) * 0.2));
  const waitMs = Math.max(jittered, Math.min(retryAfterMs, RETRY_MS_MAX));
  return {
    attempts: failed,
    failingSinceMs: sinceMs,
    nextAttemptAtMs: nowMs + waitMs,
    isOver: nowMs - sinceMs >= FAILING_MS_MAX && failed >= FAILED_ATTEMPTS_MIN,
  };
}

/** Reads `Retry-After` (RFC 9110 §10.2.3): seconds or a date. @returns milliseconds from now; 0 for anything else */
export function parseRetryAfter(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const atMs = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? 0 : Math.max(0, atMs - nowMs);
}
