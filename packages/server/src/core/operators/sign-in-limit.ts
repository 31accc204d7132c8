import type { RefusalCode } from "@countersign/protocol";
import { LRUCache } from "lru-cache";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";

/** Failures for one e-mail address in one window before further attempts are refused. */
export const SIGN_IN_FAILURES_MAX = 10;

/** The length of a window, in milliseconds. It begins with the address's first failure. */
export const SIGN_IN_WINDOW_MS = 900_000;

/** How many addresses without attempts left a process remembers. For others it asks the store. */
const FULL_WINDOWS_MAX = 10_000;

/** What the refusal of a further attempt says. */
export interface LimitTexts {
  readonly message: string;
  readonly hint: string;
}

const SIGN_IN_TEXTS: LimitTexts = {
  message: "There were too many failed attempts for this e-mail address.",
  hint: "Wait for the time in Retry-After, or sign in with a passkey.",
};

/** Limits guesses of an operator's secrets, from any number of addresses and at any number of nodes. */
export interface SignInLimit {
  /**
   * Runs an attempt. It counts as a failure from its start until it succeeds, so that concurrent attempts can't exceed the limit.
   * It makes no difference whether there is an operator of that address.
   *
   * @param wrong the refusal that is a failure
   * @throws {Refusal} `rate_limited`
   */
  attempt<Result>(email: string, work: () => Promise<Result>, wrong?: RefusalCode): Promise<Result>;
}

/**
 * Counts in the store, which all processes and nodes share.
 *
 * @param nameOf the name under which an address is counted; the address itself may be a mistyped password, and isn't stored
 */
export function createSignInLimit(
  store: Pick<Store, "signInAttempts">,
  clock: Clock,
  nameOf: (email: string) => string,
  texts: LimitTexts = SIGN_IN_TEXTS,
): SignInLimit {
  /** When a full window ends, in milliseconds since the epoch; so that a flood of attempts doesn't write. */
  const fullUntil = new LRUCache<string, number>({ max: FULL_WINDOWS_MAX });

  return {
    async attempt(email, work, wrong = "sign_in_rejected") {
      const name = nameOf(email);
      const now = clock.wallMs();
      const knownEndMs = fullUntil.get(name);
      // A window that ends later than one that begins now began by a wrong clock; the store decides.
      if (knownEndMs !== undefined && now < knownEndMs && knownEndMs <= now + SIGN_IN_WINDOW_MS) {
        throw tooMany(knownEndMs - now, texts);
      }
      const { failures, endsAtMs } = await store.signInAttempts.count(name, now, SIGN_IN_WINDOW_MS);
      if (failures > SIGN_IN_FAILURES_MAX) {
        fullUntil.set(name, endsAtMs);
        throw tooMany(endsAtMs - now, texts);
      }
      try {
        const result = await work();
        // If the store fails now, the success stays counted as a failure, which does little harm.
        await store.signInAttempts.takeBack(name).catch(() => undefined);
        return result;
      } catch (error) {
        // Other errors aren't the client's fault, and say nothing about the secret.
        const isWrong = error instanceof Refusal && error.code === wrong;
        if (!isWrong) await store.signInAttempts.takeBack(name).catch(() => undefined);
        throw error;
      }
    },
  };
}

function tooMany(milliseconds: number, { message, hint }: LimitTexts): Refusal {
  return new Refusal("rate_limited", message, {
    hint,
    retryAfterSeconds: Math.ceil(milliseconds / 1000),
  });
}
