import { Refusal } from "../../core/refusal.ts";
import type { Clock } from "../../core/surroundings.ts";
import { createWindowCounter } from "../../core/window-counter.ts";
import { networkOf } from "../server/ip-address.ts";

/** The length of a counting window, which begins with a client's first request. */
const WINDOW_SECONDS = 60;

/** How many clients are counted at a time. Beyond that, the one counted longest ago is forgotten. */
const CLIENTS_MAX = 50_000;

/** Counts every request of a client, accepted or not, where even accepted ones are an anonymous client's. */
export interface RequestLimit {
  /** Call before the work. @throws {Refusal} `rate_limited` if there are too many */
  count(address: string): void;
}

/** Makes the limit of one process. @param limit requests per minute and client */
export function createRequestLimit(limit: number, clock: Clock): RequestLimit {
  const requests = createWindowCounter<string>(WINDOW_SECONDS, CLIENTS_MAX);
  return {
    count(address) {
      const nowMs = clock.monotonicMs();
      const network = networkOf(address);
      const window = requests.find(network, nowMs);
      if (window === undefined || window.count < limit) {
        requests.add(network, nowMs);
        return;
      }
      const retryAfterSeconds = Math.ceil((window.endsAtMs - nowMs) / 1000);
      throw new Refusal("rate_limited", `This endpoint takes ${limit} requests a minute from one address.`, {
        retryAfterSeconds,
        rateLimit: {
          policy: `"requests";q=${limit};w=${WINDOW_SECONDS}`,
          state: `"requests";r=0;t=${retryAfterSeconds}`,
        },
      });
    },
  };
}
