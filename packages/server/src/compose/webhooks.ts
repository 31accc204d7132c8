import { createWebhookLease } from "../core/webhooks/lease.ts";
import { createWebhookWorker } from "../core/webhooks/worker.ts";
import { repeat, type Repeating } from "../platform/repeat.ts";
import type { Node } from "./node.ts";

/** How often the worker asks its clock whether a retry is due, in milliseconds. */
const TICK_MS = 1000;

/**
 * Delivers events to webhook endpoints while no other node does.
 *
 * @param holder the id of this process
 */
export function startWebhooks(
  { store, commitWithoutView, deliverWebhook, clock, random, metrics, view, log }: Node,
  holder: string,
): Pick<Repeating, "stop"> {
  const worker = createWebhookWorker({
    store,
    commit: commitWithoutView,
    deliver: deliverWebhook,
    lease: createWebhookLease(store, clock, holder),
    clock,
    random,
    onAttempt: (outcome) => {
      metrics.webhookAttempted(outcome);
    },
    onError: (error) => {
      log.warn({ err: error }, "webhooks can't be delivered for now; the next try follows");
    },
  });
  metrics.watchWebhooks(() => worker.figures());
  const unsubscribe = view.feed.subscribe(worker);
  const ticking = repeat(
    TICK_MS,
    async () => worker.tick(),
    () => undefined,
  );
  return {
    async stop() {
      unsubscribe();
      await ticking.stop();
      await worker.stop();
    },
  };
}
