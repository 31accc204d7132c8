import type { ChangeTx } from "../change/change-tx.ts";
import { checkDisplayText } from "../names.ts";
import { requireStillAuthor } from "../operators/author-rules.ts";
import { canSee } from "../operators/authorize.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { Random } from "../surroundings.ts";
import { EVERY_EVENT, parseEventFilter } from "./event-filter.ts";
import type { DisabledReason, StoredSecret, Webhook, WebhookId } from "./model.ts";
import { deriveSecret, formatSecret, makeStoredSecret } from "./secret.ts";
import type { WebhookUpdate } from "./store.ts";
import { originOf, parseWebhookUrl } from "./url.ts";

/** How many active endpoints an account has at most; also those that are limited to no account. */
export const ACTIVE_PER_ACCOUNT_MAX = 20;

const NO_FAILURE = { attempts: 0, failingSinceMs: null, nextAttemptAtMs: null } as const;

/** How long the previous secret still signs after a rotation: by default, and at most. In milliseconds. */
export const OVERLAP_MS_DEFAULT = 86_400_000;
export const OVERLAP_MS_MAX = 30 * 86_400_000;

/** An endpoint, and its secret `whsec_…`, which can't be read again. */
export interface WithSecret {
  readonly webhook: Webhook;
  readonly secret: string;
}

/** Where a new secret comes from. */
export interface SecretSource {
  /** The newest master secret. */
  readonly masterSecret: Buffer;
  readonly random: Random;
}

/** An endpoint to create. */
export interface NewWebhook {
  readonly url: string;
  /** Everything if it isn't given. */
  readonly events?: readonly string[] | undefined;
  readonly label?: string | null | undefined;
  /** The shortname of the account to which it is limited; `null` for none. */
  readonly account: string | null;
}

/** The changes to an endpoint. `undefined` members stay unchanged. */
export interface WebhookPatch {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly label?: string | null | undefined;
  readonly status?: Standing | undefined;
  /** With `status: "active"`: leave out the events that weren't delivered so far, instead of delivering them. */
  readonly skipPending?: boolean | undefined;
}

/**
 * Creates an endpoint, which gets the events after its own creation. The caller has checked that its host may be reached.
 *
 * @throws {Refusal} `field_invalid`; `conflict` if the account has {@link ACTIVE_PER_ACCOUNT_MAX}; `forbidden` if the author is
 *   limited to another account; `sign_in_required`
 */
export async function createWebhook(
  tx: ChangeTx,
  { url: urlText, events: patterns = EVERY_EVENT, label = null, account: shortname }: NewWebhook,
  { masterSecret, random }: SecretSource,
): Promise<WithSecret> {
  const url = parseWebhookUrl(urlText);
  const events = parseEventFilter(patterns);
  if (label !== null) checkDisplayText("label", label);
  await requireStillAuthor(tx);
  const accountId = await resolveAccount(tx, shortname);
  await requireRoom(tx, accountId);
  const stored = makeStoredSecret(masterSecret, random);
  const { author, nowMs } = tx;
  const values = { url, label, events, accountId, secret: stored, createdBy: author.actor, createdAtMs: nowMs };
  const id = await tx.webhooks.insert({ ...values, position: 0 });
  await tx.append({
    action: "webhook.created",
    webhookId: id,
    origin: originOf(url),
    events: events.join(),
    accountId,
  });
  await tx.webhooks.update(id, { position: (await tx.events.last()).seq });
  return { webhook: await loadWebhook(tx, id), secret: secretText(masterSecret, stored) };
}

/**
 * Changes an endpoint. A new URL or filter holds for every event that wasn't delivered yet; a new URL is tried at once, and its
 * failures count from the first. An endpoint that is activated gets what happened since its last delivery, unless the patch skips that.
 *
 * @throws {Refusal} `field_invalid`, `not_found`, `conflict`, `sign_in_required`
 */
export async function changeWebhook(tx: ChangeTx, id: WebhookId, patch: WebhookPatch): Promise<Webhook> {
  await requireStillAuthor(tx);
  const webhook = await loadWebhook(tx, id);
  const url = patch.url === undefined ? webhook.url : parseWebhookUrl(patch.url);
  const events = patch.events === undefined ? webhook.events : parseEventFilter(patch.events);
  const { label = webhook.label, status = webhook.status, skipPending = false } = patch;
  if (label !== null && label !== webhook.label) checkDisplayText("label", label);
  if (skipPending && status !== "active") {
    throw fieldRefusal(
      "field_invalid",
      "Pending events can be skipped only together with an activation.",
      "skip_pending",
    );
  }
  const about = { webhookId: id, origin: originOf(url), accountId: webhook.accountId };
  const isMoved = url !== webhook.url && webhook.status === "active";
  const update: WebhookUpdate = { url, events, label, ...(isMoved && NO_FAILURE) };
  if (url !== webhook.url || label !== webhook.label || events.join() !== webhook.events.join()) {
    await tx.webhooks.update(id, update);
    await tx.append({ action: "webhook.changed", ...about, events: events.join() });
  }
  if (status === webhook.status && !skipPending) return loadWebhook(tx, id);
  if (status === "deactivated") {
    await tx.webhooks.update(id, { status, nextAttemptAtMs: null });
    await tx.append({ action: "webhook.deactivated", ...about });
    return loadWebhook(tx, id);
  }
  if (webhook.status !== "active") await requireRoom(tx, webhook.accountId);
  await tx.append({ action: "webhook.activated", ...about, ...(skipPending && { skipPending }) });
  await tx.webhooks.update(id, {
    status,
    disabledReason: null,
    ...NO_FAILURE,
    ...(skipPending && { position: (await tx.events.last()).seq }),
  });
  return loadWebhook(tx, id);
}

/**
 * Gives an endpoint a new secret. The previous one signs beside it for `overlapMs`; any older one ends immediately.
 *
 * @throws {Refusal} `field_invalid`, `not_found`, `sign_in_required`
 */
export async function rotateWebhookSecret(
  tx: ChangeTx,
  id: WebhookId,
  overlapMs: number,
  { masterSecret, random }: SecretSource,
): Promise<WithSecret> {
  // Negated, so that NaN is refused too.
  if (!(overlapMs >= 0 && overlapMs <= OVERLAP_MS_MAX)) {
    throw fieldRefusal("field_invalid", "The overlap must be from 0 to 30 days.", "overlap_seconds");
  }
  await requireStillAuthor(tx);
  const webhook = await loadWebhook(tx, id);
  const stored = makeStoredSecret(masterSecret, random);
  const previousSecretEndsAtMs = overlapMs === 0 ? null : tx.nowMs + overlapMs;
  const previousSecret =
    previousSecretEndsAtMs === null ? null : { ...webhook.secret, endsAtMs: previousSecretEndsAtMs };
  await tx.webhooks.update(id, { secret: stored, previousSecret });
  const { url, accountId } = webhook;
  await tx.append({
    action: "webhook.rotated",
    webhookId: id,
    origin: originOf(url),
    previousSecretEndsAtMs,
    accountId,
  });
  return { webhook: await loadWebhook(tx, id), secret: secretText(masterSecret, stored) };
}

/** Deactivates an endpoint that failed for too long, or is gone. One that an operator has deactivated or skipped meanwhile stays as it is. */
export async function disableWebhook(
  tx: ChangeTx,
  { id, position, failingSinceMs }: Pick<Webhook, "id" | "position" | "failingSinceMs">,
  reason: DisabledReason,
): Promise<void> {
  const webhook = await tx.webhooks.find(id);
  if (webhook?.status !== "active" || webhook.position !== position || webhook.failingSinceMs !== failingSinceMs)
    return;
  await tx.webhooks.update(id, { status: "deactivated", disabledReason: reason, nextAttemptAtMs: null });
  const { url, accountId } = webhook;
  await tx.append({ action: "webhook.disabled", webhookId: id, origin: originOf(url), reason, accountId });
}

/** The refusal of an id that no endpoint has, or none that the author can see. */
export function unknownWebhook(id: WebhookId): Refusal {
  return new Refusal("not_found", `There is no webhook endpoint ${id}. countersign webhook list shows them.`);
}

/** Loads an endpoint that the author can see. @throws {Refusal} `not_found` */
export async function loadWebhook({ author, webhooks }: ChangeTx, id: WebhookId): Promise<Webhook> {
  const webhook = await webhooks.find(id);
  if (webhook !== undefined && canSee(author, webhook.accountId)) return webhook;
  throw unknownWebhook(id);
}

/** @throws {Refusal} `field_invalid` for an account that the author can't see; `forbidden` if an author in one account names none */
async function resolveAccount({ author, accounts }: ChangeTx, shortname: string | null) {
  if (shortname === null) {
    if (author.accountId === null) return null;
    throw new Refusal("forbidden", `You can create webhook endpoints for the events of ${author.account} only.`, {
      hint: `Name the account: "account": "${author.account}".`,
    });
  }
  const account = await accounts.find(shortname);
  if (account === undefined || !canSee(author, account.id)) {
    throw fieldRefusal("field_invalid", "There is no account of that name.", "account");
  }
  return account.id;
}

async function requireRoom({ webhooks }: ChangeTx, accountId: Webhook["accountId"]): Promise<void> {
  if ((await webhooks.countActive(accountId)) < ACTIVE_PER_ACCOUNT_MAX) return;
  throw new Refusal(
    "conflict",
    `${accountId === null ? "The service" : "The account"} has ${ACTIVE_PER_ACCOUNT_MAX} active webhook endpoints already; deactivate one first.`,
  );
}

function secretText(masterSecret: Buffer, stored: StoredSecret): string {
  const secret = deriveSecret([masterSecret], stored);
  if (secret === undefined) throw new Error("a new secret doesn't derive from its master secret");
  return formatSecret(secret);
}
