import { LRUCache } from "lru-cache";
import { Refusal } from "../refusal.ts";
import type { Clock } from "../surroundings.ts";

/** Failures for one e-mail address in one window before further attempts are refused. */
export const SIGN_IN_FAILURES_MAX = 10;

/** Windows begin with an address's first failure. */
export const SIGN_IN_WINDOW_MS = 900_000;

/** How many addresses are counted at once. Beyond that the one that was tried longest ago is forgotten. */
const ADDRESSES_MAX = 50_000;

/** Limits how often an operator's secrets can be guessed at, from however many places. */
export interface SignInLimit {
  /**
   * Runs an attempt, which is counted as a failure from its beginning until it has succeeded, so that many at once get no more
   * than their number. Whether there is an operator of that address makes no difference.
   *
   * @throws {Refusal} `rate_limited`
   */
  attempt<Result>(email: string, work: () => Promise<Result>): Promise<Result>;
}

interface Window {
  failures: number;
  readonly endsAtMs: number;
}

/** For one process: each counts for itself. */
export function createSignInLimit(clock: Clock): SignInLimit {
  const windows = new LRUCache<string, Window>({ max: ADDRESSES_MAX });

  function windowOf(email: string): Window {
    const now = clock.monotonicMs();
    const window = windows.get(email);
    if (window !== undefined && now < window.endsAtMs) return window;
    const begun = { failures: 0, endsAtMs: now + SIGN_IN_WINDOW_MS };
    windows.set(email, begun);
    return begun;
  }

  return {
    async attempt(email, work) {
      const window = windowOf(email);
      if (window.failures >= SIGN_IN_FAILURES_MAX) {
        throw new Refusal("rate_limited", "There were too many failed attempts for this e-mail address.", {
          hint: "Wait for the time in Retry-After, or sign in with a passkey.",
          retryAfterSeconds: Math.ceil((window.endsAtMs - clock.monotonicMs()) / 1000),
        });
      }
      window.failures++;
      try {
        const result = await work();
        window.failures--;
        return result;
      } catch (error) {
        // What isn't the client's fault says nothing about the secret.
        if (!(error instanceof Refusal && error.code === "sign_in_rejected")) window.failures--;
        throw error;
      }
    },
  };
}
