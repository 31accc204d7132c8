import { Refusal } from "../../core/refusal.ts";
import type { Clock } from "../../core/surroundings.ts";
import { type CountingWindow, createWindowCounter } from "../../core/window-counter.ts";
import { networkOf } from "./ip-address.ts";

/** The length of a counting window, which begins with a client's first refusal. */
const WINDOW_SECONDS = 60;

/** How many clients are counted at a time. Beyond that, the one refused longest ago is forgotten. */
const CLIENTS_MAX = 50_000;

/** Counts a client's refused requests, and refuses all its requests once there are too many. */
export interface RefusalLimit {
  /** Call before the work. @throws {Refusal} `rate_limited` */
  check(address: string): void;
  /** Would {@link check} refuse? */
  isOver(address: string): boolean;
  /** Call after a refusal; accepted requests aren't counted. @returns whether there are now too many */
  count(address: string): boolean;
}

/** What a limit counts, as its refusal says it. */
interface Counted {
  /** The name in the RateLimit header fields. */
  readonly policy: string;
  readonly message: (limit: number) => string;
  readonly hint?: string;
}

const REFUSALS: Counted = {
  policy: "refusals",
  message: (limit) => `${limit} requests from this address were refused within a minute.`,
  hint: "Fix the client: the earlier answers say what is wrong. Then wait for the time in Retry-After.",
};

/** The nonces for proofs of possession that an address gets. */
export const KEY_CHALLENGES: Counted = {
  policy: "key-challenges",
  message: (limit) => `This address got ${limit} nonces within a minute.`,
  hint: "One nonce is enough to add or rotate one key. Wait for the time in Retry-After.",
};

/** Statements that revoke a key: every one is counted, since even an accepted one is an anonymous client's. */
export const REVOCATIONS: Counted = {
  policy: "requests",
  message: (limit) => `This endpoint takes ${limit} requests a minute from one address.`,
};

/**
 * Makes the limit of one process.
 *
 * @param limit refusals per minute and client; 0 for no limit
 * @param counted what is counted, by default refusals
 */
export function createRefusalLimit(limit: number, clock: Clock, counted: Counted = REFUSALS): RefusalLimit {
  if (limit === 0) return { check: () => undefined, isOver: () => false, count: () => false };
  const refusals = createWindowCounter<string>(WINDOW_SECONDS, CLIENTS_MAX);

  function findFull(address: string, nowMs: number): CountingWindow | undefined {
    const window = refusals.find(networkOf(address), nowMs);
    return window !== undefined && window.count >= limit ? window : undefined;
  }

  return {
    check(address) {
      if (refusals.isEmpty()) return;
      const nowMs = clock.monotonicMs();
      const full = findFull(address, nowMs);
      if (full === undefined) return;
      const retryAfterSeconds = Math.ceil((full.endsAtMs - nowMs) / 1000);
      throw new Refusal("rate_limited", counted.message(limit), {
        ...(counted.hint !== undefined && { hint: counted.hint }),
        retryAfterSeconds,
        rateLimit: {
          policy: `"${counted.policy}";q=${limit};w=${WINDOW_SECONDS}`,
          state: `"${counted.policy}";r=0;t=${retryAfterSeconds}`,
        },
      });
    },
    isOver: (address) => !refusals.isEmpty() && findFull(address, clock.monotonicMs()) !== undefined,
    count: (address) => refusals.add(networkOf(address), clock.monotonicMs()) > limit,
  };
}
