import type { Clock } from "../surroundings.ts";
import type { JobStore } from "./store.ts";

/** Under this name the store knows when a check first found an active token. */
const NAME = "first-check";

const LEASE_MS = 60_000;

/** When a check, introspection or verifier first found an active token, in milliseconds since the epoch; `null` if none has. */
export async function findFirstCheck(jobs: Pick<JobStore, "find">): Promise<number | null> {
  return (await jobs.find(NAME)).ranAtMs;
}

/**
 * Makes what notes once, for all nodes, that a check found an active token: the last of the first steps with a new store. Call it from
 * time to time; it costs nothing once the time is noted, and no request waits for it.
 *
 * @param holder the id of this process @param hasFoundActive whether a check of this process has found an active token
 */
export function createFirstCheckNote(
  { jobs, clock }: { readonly jobs: JobStore; readonly clock: Pick<Clock, "wallMs"> },
  holder: string,
  hasFoundActive: () => boolean,
): () => Promise<void> {
  let isNoted = false;
  return async () => {
    if (isNoted || !hasFoundActive()) return;
    if ((await findFirstCheck(jobs)) === null) {
      // Another node that notes it at the same time is as good.
      if ((await jobs.take({ name: NAME, holder, leaseMs: LEASE_MS })) === undefined) return;
      await jobs.complete(NAME, holder, { ranAtMs: clock.wallMs(), position: null });
    }
    isNoted = true;
  };
}
