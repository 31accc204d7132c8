/** Webhook endpoints in the admin API. What an endpoint is, and how it changes, is in core/webhooks. */
import type { ChangeTx } from "../../../core/change/change-tx.ts";
import type { Commit } from "../../../core/change/commit.ts";
import { attemptJson, deliveryJson, webhookJson } from "../../../core/json/webhooks.ts";
import { accountFilter, canSee } from "../../../core/operators/authorize.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { Store } from "../../../core/store/store.ts";
import type { Clock, Random } from "../../../core/surroundings.ts";
import {
  changeWebhook,
  createWebhook,
  loadWebhook,
  OVERLAP_MS_DEFAULT,
  rotateWebhookSecret,
} from "../../../core/webhooks/changes.ts";
import type { Deliver } from "../../../core/webhooks/deliver.ts";
import { testMessage } from "../../../core/webhooks/message.ts";
import type { Webhook, WebhookId } from "../../../core/webhooks/model.ts";
import type { WebhookSender } from "../../../core/webhooks/send.ts";
import { requireUsableUrl } from "../../../core/webhooks/url.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import { type HandlersOf, SECRET_NOT_REPEATED } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { notFound } from "../http/refusals.ts";
import { changeableOf } from "../http/schema.ts";
import type { webhookRoutes } from "./routes.ts";
import { WebhookPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(WebhookPatch);

const NONCE_BYTES = 15;

export interface WebhookHandlerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly commitWithoutView: Commit;
  readonly random: Random;
  readonly newestMasterSecret: Buffer;
  readonly webhookSender: Pick<WebhookSender, "findUrlProblem">;
  readonly deliverWebhook: Deliver;
}

export function createWebhookHandlers({
  store,
  commitWithoutView,
  clock,
  random,
  newestMasterSecret,
  webhookSender,
  deliverWebhook,
}: WebhookHandlerDependencies): HandlersOf<typeof webhookRoutes> {
  const source = { masterSecret: newestMasterSecret, random };
  return {
    async listWebhooks({ principal, query, target }) {
      const { account: shortname, status } = query;
      const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
      const isNone = shortname !== undefined && (account === undefined || !canSee(principal, account.id));
      if (isNone) return { data: [], count: 0, before: 0, next: null, previous: null };
      const filter = { ...(account !== undefined && { accountId: account.id }), ...accountFilter(principal), status };
      return listOf(await store.webhooks.page(filter, parsePage(query)), target, ({ id }) => [id], webhookJson);
    },

    async createWebhook({ principal, body, idempotencyKey }) {
      await requireUsableUrl(body.url, webhookSender);
      const { account = principal.account } = body;
      const { result, isRepeated } = await commitWithoutView<Shown>(
        (tx) => createWebhook(tx, { ...body, account }, source),
        {
          author: principal,
          once: { key: idempotencyKey, request: ["createWebhook", body], ...MADE_ONCE },
        },
      );
      return { ...shown(result), location: `/webhooks/${result.webhook.id}`, isRepeated };
    },

    async getWebhook({ principal, params }) {
      const webhook = await load(principal, params.id);
      return { data: webhookJson(webhook), etag: entityTags.webhook(webhook) };
    },

    async changeWebhook({ principal, params, body, preconditions }) {
      const id = params.id as WebhookId;
      const before = await load(principal, id);
      requireUnchanged(body, webhookJson(before), CHANGEABLE);
      if (body.url !== undefined && body.url !== before.url) await requireUsableUrl(body.url, webhookSender);
      const { url, events, label, status, skip_pending: skipPending } = body;
      const patch = { url, events, label, status, skipPending };
      const { result: webhook } = await commitWithoutView((tx) => changeWebhook(tx, id, patch), {
        author: principal,
        ifMatch: { ...preconditions, currentTag: currentTag(id) },
      });
      return { data: webhookJson(webhook), etag: entityTags.webhook(webhook) };
    },

    async rotateWebhookSecret({ principal, params, body, preconditions, idempotencyKey }) {
      const id = params.id as WebhookId;
      const overlapMs = body?.overlap_seconds === undefined ? OVERLAP_MS_DEFAULT : body.overlap_seconds * 1000;
      const { result, isRepeated } = await commitWithoutView<Shown>(
        (tx) => rotateWebhookSecret(tx, id, overlapMs, source),
        {
          author: principal,
          ifMatch: { ...preconditions, currentTag: currentTag(id) },
          once: { key: idempotencyKey, request: ["rotateWebhookSecret", id, body ?? {}], ...MADE_ONCE },
        },
      );
      return { ...shown(result), isRepeated };
    },

    async testWebhook({ principal, params }) {
      const webhook = await load(principal, params.id);
      const message = testMessage(webhook.id, random.bytes(NONCE_BYTES), clock.wallMs());
      return { data: attemptJson(await deliverWebhook(webhook, message)) };
    },

    async listWebhookDeliveries({ principal, params, query, target }) {
      const { id } = await load(principal, params.id);
      const page = await store.webhooks.deliveries(id, parsePage(query));
      return listOf(page, target, (delivery) => [delivery.id], deliveryJson);
    },
  };

  async function load(principal: Principal, id: number): Promise<Webhook> {
    const webhook = await store.webhooks.load(id as WebhookId);
    if (webhook === undefined || !canSee(principal, webhook.accountId)) throw notFound();
    return webhook;
  }
}

/** An endpoint, and its secret if that was made just now. */
interface Shown {
  readonly webhook: Webhook;
  readonly secret?: string;
}

function shown({ webhook, secret = null }: { readonly webhook: Webhook; readonly secret?: string | null }) {
  return {
    data: { ...webhookJson(webhook), secret },
    etag: entityTags.webhook(webhook),
    ...(secret === null && { warnings: [SECRET_NOT_REPEATED] }),
  };
}

/** How a secret that was made under the same `Idempotency-Key` is answered: by its endpoint alone. */
const MADE_ONCE = {
  kind: "webhook",
  idOf: ({ webhook }: Shown) => webhook.id,
  again: async (tx: ChangeTx, id: number): Promise<Shown> => ({ webhook: await loadWebhook(tx, id as WebhookId) }),
};

function currentTag(id: WebhookId): (tx: ChangeTx) => Promise<string> {
  return async (tx) => entityTags.webhook(await loadWebhook(tx, id));
}
