import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { type Commit, createCommit } from "../core/change/commit.ts";
import { type FeedFollower, followFeed } from "../core/feed/follow-feed.ts";
import type { Store } from "../core/store/store.ts";
import type { Clock } from "../core/surroundings.ts";
import { createWebhook, type NewWebhook } from "../core/webhooks/changes.ts";
import { createDeliver } from "../core/webhooks/deliver.ts";
import { createWebhookLease } from "../core/webhooks/lease.ts";
import type { Outcome, Webhook, WebhookId } from "../core/webhooks/model.ts";
import { createWebhookWorker, type WebhookWorker } from "../core/webhooks/worker.ts";
import { createSystemRandom } from "../platform/random.ts";
import { createWebhookSender } from "../platform/webhook-sender.ts";
import { TEST_MASTER_SECRET } from "./test-signing-keys.ts";

/** The worker of one node, as the product composes it, with the time that a test sets. It sends to 127.0.0.1. */
export interface TestWebhooks {
  readonly worker: WebhookWorker;
  readonly feed: FeedFollower;
  readonly commit: Commit;
  /** The outcomes of all attempts so far. */
  readonly outcomes: readonly Outcome[];
  /** Everything that the worker reported. */
  readonly errors: readonly unknown[];
  create(webhook: Partial<NewWebhook> & { readonly url: string }): Promise<{ id: WebhookId; secret: string }>;
  load(id: WebhookId): Promise<Webhook>;
  /** Reads the feed to its end, and waits until everything that is due was tried. */
  settle(): Promise<void>;
}

/** @param holder different for each node of a test */
export async function startTestWebhooks(store: Store, clock: Clock, holder = "node 1"): Promise<TestWebhooks> {
  const random = createSystemRandom();
  const feed = await followFeed(store, clock);
  const commit = createCommit(store, clock, () => feed.catchUp());
  const outcomes: Outcome[] = [];
  const errors: unknown[] = [];
  const sender = createWebhookSender({ networks: ["127.0.0.1/32"] });
  const worker = createWebhookWorker({
    store,
    commit,
    deliver: createDeliver({ sender, masterSecrets: [TEST_MASTER_SECRET], clock }),
    lease: createWebhookLease(store, clock, holder),
    clock,
    random,
    onAttempt: (outcome) => outcomes.push(outcome),
    onError: (error) => errors.push(error),
  });
  feed.subscribe(worker);
  return {
    worker,
    feed,
    commit,
    outcomes,
    errors,
    async create(webhook) {
      const source = { masterSecret: TEST_MASTER_SECRET, random };
      const work = { account: null, ...webhook };
      const { result } = await commit((tx) => createWebhook(tx, work, source), { author: unrestrictedAuthor("test") });
      return { id: result.webhook.id, secret: result.secret };
    },
    async load(id) {
      const webhook = await store.webhooks.load(id);
      if (webhook === undefined) throw new Error(`there is no endpoint ${id}`);
      return webhook;
    },
    async settle() {
      await feed.catchUp();
      worker.tick();
      await worker.settled();
    },
  };
}
