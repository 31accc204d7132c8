import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type { Delivery, DeliveryState, Webhook, WebhookId } from "../core/webhooks/model.ts";
import {
  DELIVERIES_KEPT,
  type WebhookStore,
  type WebhookTransaction,
  type WebhookUpdate,
} from "../core/webhooks/store.ts";
import { canBeId } from "./bounds.ts";
import { equal, pageSmall } from "./page-small.ts";
import { BY_ID, NEWEST_FIRST } from "./pages.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";

/** Webhook endpoints, outside of changes. */
export function webhookStore(db: Kysely<Database>, write: Write): WebhookStore {
  return {
    load: (id) => findWebhook(db, id),
    listActive: async () =>
      (await selectWebhooks(db).where("webhooks.status", "=", "active").orderBy("webhooks.id").execute()).map(
        toWebhook,
      ),
    page: ({ accountId, status }, page) =>
      pageSmall(db, "webhooks", [equal("account_id", accountId), equal("status", status)], BY_ID, page, async (ids) =>
        (await selectWebhooks(db).where("webhooks.id", "in", ids).execute()).map(toWebhook),
      ),
    deliveries: (id, page) =>
      pageSmall(db, "webhook_deliveries", [equal("webhook_id", id)], NEWEST_FIRST, page, async (ids) =>
        (await db.selectFrom("webhook_deliveries").selectAll().where("id", "in", ids).execute()).map(toDelivery),
      ),
    record: (delivery, from, state) =>
      write(async (transaction) => {
        const wasMoved = await move(transaction, delivery.webhookId, from, toColumns(state));
        if (wasMoved) await insertDelivery(transaction, delivery);
        return wasMoved;
      }),
    skip: (id, from, to) => write((transaction) => move(transaction, id, from, { position: to })),
  };
}

/** Webhook endpoints, within a change. */
export function webhookTransaction(db: Transaction<Database>): WebhookTransaction {
  return {
    find: (id) => findWebhook(db, id),
    countActive: async (accountId) => {
      const { count } = await db
        .selectFrom("webhooks")
        .select((row) => row.fn.countAll().as("count"))
        .where("status", "=", "active")
        .where("account_id", accountId === null ? "is" : "=", accountId)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    insert: async ({ url, label, events, accountId, secret, position, createdBy, createdAtMs }) => {
      const { id } = await db
        .insertInto("webhooks")
        .values({
          url,
          label,
          events: events.join(","),
          account_id: accountId,
          status: "active",
          secret_salt: secret.salt,
          secret_fingerprint: secret.fingerprint,
          position,
          attempts: 0,
          created_by: createdBy,
          created_at_ms: createdAtMs,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return id as WebhookId;
    },
    update: async (id, values) => {
      await db.updateTable("webhooks").set(toColumns(values)).where("id", "=", id).execute();
    },
  };
}

/** Updates an endpoint unless its position isn't `from` any more: another node, or an operator, has moved it. */
async function move(
  db: Transaction<Database>,
  id: WebhookId,
  from: number,
  columns: ReturnType<typeof toColumns>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("webhooks")
    .set(columns)
    .where("id", "=", id)
    .where("position", "=", from)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Adds an attempt, and removes the endpoint's oldest beyond `DELIVERIES_KEPT`. */
async function insertDelivery(db: Transaction<Database>, delivery: Omit<Delivery, "id">): Promise<void> {
  const { webhookId } = delivery;
  await db
    .insertInto("webhook_deliveries")
    .values({
      webhook_id: webhookId,
      seq: delivery.seq,
      action: delivery.action,
      message_id: delivery.messageId,
      attempt: delivery.attempt,
      at_ms: delivery.atMs,
      outcome: delivery.outcome,
      http_status: delivery.httpStatus,
      duration_ms: Math.round(delivery.durationMs),
    })
    .execute();
  await sql`delete from webhook_deliveries where webhook_id = ${webhookId} and id <= (
    select id from webhook_deliveries where webhook_id = ${webhookId} order by id desc limit 1 offset ${sql.lit(DELIVERIES_KEPT)}
  )`.execute(db);
}

async function findWebhook(db: Kysely<Database>, id: WebhookId): Promise<Webhook | undefined> {
  if (!canBeId(id)) return undefined;
  const row = await selectWebhooks(db).where("webhooks.id", "=", id).executeTakeFirst();
  return row && toWebhook(row);
}

function selectWebhooks(db: Kysely<Database>) {
  return db
    .selectFrom("webhooks")
    .leftJoin("accounts", "accounts.id", "webhooks.account_id")
    .selectAll("webhooks")
    .select("accounts.shortname as account");
}

function toColumns(values: WebhookUpdate | DeliveryState) {
  const { url, label, events, status, disabledReason, secret, previousSecret }: WebhookUpdate = values;
  const { position, attempts, failingSinceMs, nextAttemptAtMs, lastDeliveredAtMs } = values;
  return {
    ...(url !== undefined && { url }),
    ...(label !== undefined && { label }),
    ...(events !== undefined && { events: events.join(",") }),
    ...(status !== undefined && { status }),
    ...(disabledReason !== undefined && { disabled_reason: disabledReason }),
    ...(secret !== undefined && { secret_salt: secret.salt, secret_fingerprint: secret.fingerprint }),
    ...(previousSecret !== undefined && {
      previous_salt: previousSecret?.salt ?? null,
      previous_fingerprint: previousSecret?.fingerprint ?? null,
      previous_ends_at_ms: previousSecret?.endsAtMs ?? null,
    }),
    ...(position !== undefined && { position }),
    ...(attempts !== undefined && { attempts }),
    ...(failingSinceMs !== undefined && { failing_since_ms: failingSinceMs }),
    ...(nextAttemptAtMs !== undefined && { next_attempt_at_ms: nextAttemptAtMs }),
    ...(lastDeliveredAtMs !== undefined && { last_delivered_at_ms: lastDeliveredAtMs }),
  };
}

function toWebhook(row: Selectable<Database["webhooks"]> & { readonly account: string | null }): Webhook {
  const { previous_salt: salt, previous_fingerprint: fingerprint, previous_ends_at_ms: endsAtMs } = row;
  return {
    id: row.id as WebhookId,
    url: row.url,
    label: row.label,
    events: row.events.split(","),
    accountId: row.account_id as AccountId | null,
    account: row.account,
    status: row.status,
    disabledReason: row.disabled_reason,
    secret: { salt: row.secret_salt, fingerprint: row.secret_fingerprint },
    previousSecret: salt === null || fingerprint === null || endsAtMs === null ? null : { salt, fingerprint, endsAtMs },
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    position: row.position,
    attempts: row.attempts,
    failingSinceMs: row.failing_since_ms,
    nextAttemptAtMs: row.next_attempt_at_ms,
    lastDeliveredAtMs: row.last_delivered_at_ms,
  };
}

function toDelivery(row: Selectable<Database["webhook_deliveries"]>): Delivery {
  return {
    id: row.id,
    webhookId: row.webhook_id as WebhookId,
    seq: row.seq,
    action: row.action,
    messageId: row.message_id,
    attempt: row.attempt,
    atMs: row.at_ms,
    outcome: row.outcome,
    httpStatus: row.http_status,
    durationMs: row.duration_ms,
  };
}
