import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";

/** The job in the store's list that stands for delivering webhooks. */
const NAME = "webhooks";

/**
 * How long a node has the deliveries without renewing, in milliseconds, by the store's clock. A delivery takes 15 s at most and
 * begins with a lease that was renewed within {@link RENEWED_MS}, so that the node that takes over doesn't deliver beside it.
 */
export const WEBHOOK_LEASE_MS = 20_000;

/** A lease that was renewed within this time isn't renewed again, in milliseconds. */
const RENEWED_MS = 3000;

/** This node's right to deliver webhooks, which one node at a time has. */
export interface WebhookLease {
  /** Takes the lease, or renews it. Cheap enough to be asked before each delivery. @returns whether this node has it */
  hold(): Promise<boolean>;
  /** Lets another node take over at once. */
  release(): Promise<void>;
}

/** @param holder the id of this process, different from every other process's */
export function createWebhookLease(store: Pick<Store, "jobs">, clock: Clock, holder: string): WebhookLease {
  const claim = { name: NAME, holder, leaseMs: WEBHOOK_LEASE_MS };
  let renewedAtMs = Number.NEGATIVE_INFINITY;
  let isHeld = false;
  return {
    async hold() {
      const nowMs = clock.monotonicMs();
      if (isHeld && nowMs - renewedAtMs < RENEWED_MS) return true;
      // Read first: taking it is a write.
      if (!isHeld && (await store.jobs.find(NAME, WEBHOOK_LEASE_MS)).isHeld) return false;
      isHeld = (await store.jobs.take(claim)) !== undefined;
      renewedAtMs = nowMs;
      return isHeld;
    },
    async release() {
      if (!isHeld) return;
      isHeld = false;
      await store.jobs.release(NAME, holder);
    },
  };
}
