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

/** Makes the limit of one process. @param limit refusals per minute and client; 0 for no limit */
export function createRefusalLimit(limit: number, clock: Clock): RefusalLimit {
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
      throw new Refusal("rate_limited", `${limit} requests from this address were refused within a minute.`, {
        hint: "Fix the client: the earlier answers say what is wrong. Then wait for the time in Retry-After.",
        retryAfterSeconds,
        rateLimit: {
          policy: `"refusals";q=${limit};w=${WINDOW_SECONDS}`,
          state: `"refusals";r=0;t=${retryAfterSeconds}`,
        },
      });
    },
    isOver: (address) => !refusals.isEmpty() && findFull(address, clock.monotonicMs()) !== undefined,
    count: (address) => refusals.add(networkOf(address), clock.monotonicMs()) > limit,
  };
}
