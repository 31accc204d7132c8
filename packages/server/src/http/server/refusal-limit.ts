import { LRUCache } from "lru-cache";
import { Refusal } from "../../core/refusal.ts";
import type { Clock } from "../../core/surroundings.ts";
import { networkOf } from "./ip-address.ts";

/** Refusals are counted over windows of this length, each beginning with a client's first refusal. */
const WINDOW_SECONDS = 60;

/** How many clients are counted at once. Beyond that the one that was refused longest ago is forgotten. */
const CLIENTS_MAX = 50_000;

/** Counts a client's refused requests, and refuses all its requests once there were too many. */
export interface RefusalLimit {
  /** Before the work. @throws {Refusal} `rate_limited` */
  check(address: string): void;
  /** Would {@link check} refuse? */
  isOver(address: string): boolean;
  /** After a refusal. Accepted requests aren't counted. @returns whether there were too many by now */
  count(address: string): boolean;
}

interface Window {
  refusals: number;
  readonly endsAtMs: number;
}

/** @param limit refusals a minute and client; 0 for none */
export function createRefusalLimit(limit: number, clock: Clock): RefusalLimit {
  if (limit === 0) return { check: () => undefined, isOver: () => false, count: () => false };
  const windows = new LRUCache<string, Window>({ max: CLIENTS_MAX });

  function findWindow(client: string, nowMs: number): Window | undefined {
    const window = windows.get(client);
    return window !== undefined && nowMs < window.endsAtMs ? window : undefined;
  }

  return {
    check(address) {
      if (windows.size === 0) return;
      const nowMs = clock.monotonicMs();
      const window = findWindow(networkOf(address), nowMs);
      if (window === undefined || window.refusals < limit) return;
      const retryAfterSeconds = Math.ceil((window.endsAtMs - nowMs) / 1000);
      throw new Refusal("rate_limited", `${limit} requests from this address were refused within a minute.`, {
        hint: "Fix the client: its earlier answers say what is wrong. Then wait for the time in Retry-After.",
        retryAfterSeconds,
        rateLimit: {
          policy: `"refusals";q=${limit};w=${WINDOW_SECONDS}`,
          state: `"refusals";r=0;t=${retryAfterSeconds}`,
        },
      });
    },
    isOver(address) {
      const window = windows.size === 0 ? undefined : findWindow(networkOf(address), clock.monotonicMs());
      return window !== undefined && window.refusals >= limit;
    },
    count(address) {
      const client = networkOf(address);
      const nowMs = clock.monotonicMs();
      const window = findWindow(client, nowMs);
      if (window !== undefined) return ++window.refusals > limit;
      windows.set(client, { refusals: 1, endsAtMs: nowMs + WINDOW_SECONDS * 1000 });
      return false;
    },
  };
}
