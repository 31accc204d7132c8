import { LRUCache } from "lru-cache";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";

/** Failures for one e-mail address in one window before further attempts are refused. */
export const SIGN_IN_FAILURES_MAX = 10;

/** Windows begin with an address's first failure. In milliseconds. */
export const SIGN_IN_WINDOW_MS = 900_000;

/** How many addresses a process remembers that have no attempt left. Beyond that it asks the store again. */
const FULL_WINDOWS_MAX = 10_000;

/** Limits how often an operator's secrets can be guessed at, from however many places and at however many nodes. */
export interface SignInLimit {
  /**
   * Runs an attempt, which is counted as a failure from its beginning until it has succeeded, so that many at once get no more
   * than their number. Whether there is an operator of that address makes no difference.
   *
   * @throws {Refusal} `rate_limited`
   */
  attempt<Result>(email: string, work: () => Promise<Result>): Promise<Result>;
}

/**
 * Counts in the store, which all processes and nodes share.
 *
 * @param nameOf what an address is counted under: what was typed there may be a password, and isn't stored
 */
export function createSignInLimit(
  store: Pick<Store, "signInAttempts">,
  clock: Clock,
  nameOf: (email: string) => string,
): SignInLimit {
  /** Until when there is no attempt left, in milliseconds since the epoch; so that a flood doesn't write. */
  const fullUntil = new LRUCache<string, number>({ max: FULL_WINDOWS_MAX });

  return {
    async attempt(email, work) {
      const name = nameOf(email);
      const now = clock.wallMs();
      const knownEndMs = fullUntil.get(name);
      // A window that ends later than one that begins now was begun by a clock that was wrong; the store knows, too.
      if (knownEndMs !== undefined && now < knownEndMs && knownEndMs <= now + SIGN_IN_WINDOW_MS) {
        throw tooMany(knownEndMs - now);
      }
      const { failures, endsAtMs } = await store.signInAttempts.count(name, now, SIGN_IN_WINDOW_MS);
      if (failures > SIGN_IN_FAILURES_MAX) {
        fullUntil.set(name, endsAtMs);
        throw tooMany(endsAtMs - now);
      }
      try {
        const result = await work();
        // It succeeded; that it goes on counting where the store has just failed is the lesser harm.
        await store.signInAttempts.takeBack(name).catch(() => undefined);
        return result;
      } catch (error) {
        // What isn't the client's fault says nothing about the secret.
        const isWrong = error instanceof Refusal && error.code === "sign_in_rejected";
        if (!isWrong) await store.signInAttempts.takeBack(name).catch(() => undefined);
        throw error;
      }
    },
  };
}

function tooMany(milliseconds: number): Refusal {
  return new Refusal("rate_limited", "There were too many failed attempts for this e-mail address.", {
    hint: "Wait for the time in Retry-After, or sign in with a passkey.",
    retryAfterSeconds: Math.ceil(milliseconds / 1000),
  });
}
