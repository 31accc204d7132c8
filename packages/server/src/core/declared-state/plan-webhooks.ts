import type { AccountId } from "../accounts/model.ts";
import { printable } from "../names.ts";
import { readAllPages } from "../store/read-all-pages.ts";
import {
  ACTIVE_PER_ACCOUNT_MAX,
  changeWebhook,
  createWebhook,
  loadWebhook,
  type SecretSource,
} from "../webhooks/changes.ts";
import { EVERY_EVENT } from "../webhooks/event-filter.ts";
import type { Webhook } from "../webhooks/model.ts";
import { originOf, requireUsableUrl } from "../webhooks/url.ts";
import type { DeclaredWebhook } from "./model.ts";
import { addProblem, attempt, type Planning, refuseToPruneAll } from "./planning.ts";
import { actionOf, diffMembers, type MemberChange, requireAsPlanned, type ShownMembers, type Step } from "./step.ts";

/** Plans the webhook endpoints. @param accountId the account that the document describes alone */
export async function planWebhooks(
  planning: Planning,
  declared: readonly DeclaredWebhook[],
  accountId: AccountId | undefined,
): Promise<void> {
  const { store, steps, prunes, prune } = planning;
  const filter = accountId === undefined ? {} : { accountId };
  const existing = await readAllPages((page) => store.webhooks.page(filter, page));
  const matches = matchWebhooks(declared, existing);
  for (const webhook of declared) {
    const present = matches.get(webhook);
    const step = present === undefined ? await creation(planning, webhook) : change(webhook, present);
    if (step !== undefined) steps.push(step);
  }
  const mentioned = new Set(matches.values());
  const others = existing.filter((webhook) => webhook.status === "active" && !mentioned.has(webhook));
  checkCounts(planning, declared, matches, others);
  if (!prune) return;
  refuseToPruneAll(planning, "webhooks", declared, others.length);
  for (const webhook of others) {
    const changes = [{ member: "status", from: "active", to: "deactivated" }];
    prunes.push(changing(webhook, changes, { status: "deactivated" }, true));
  }
}

/**
 * Finds the endpoint that each entry means: the same URL, account and label; or else the same URL and account, so that a label can be
 * changed. Entries and endpoints that can't be told apart are matched in their order.
 */
function matchWebhooks(
  declared: readonly DeclaredWebhook[],
  existing: readonly Webhook[],
): ReadonlyMap<DeclaredWebhook, Webhook> {
  const matches = new Map<DeclaredWebhook, Webhook>();
  const isFree = new Set(existing);
  for (const withLabel of [true, false]) {
    for (const entry of declared) {
      if (matches.has(entry)) continue;
      const match = existing.find(
        (webhook) =>
          isFree.has(webhook) &&
          webhook.url === entry.url &&
          webhook.account === entry.account &&
          (!withLabel || webhook.label === (entry.label ?? null)),
      );
      if (match === undefined) continue;
      matches.set(entry, match);
      isFree.delete(match);
    }
  }
  return matches;
}

function checkCounts(
  planning: Planning,
  declared: readonly DeclaredWebhook[],
  matches: ReadonlyMap<DeclaredWebhook, Webhook>,
  others: readonly Webhook[],
): void {
  const activeOf = (account: string | null) =>
    declared.filter((entry) => entry.account === account && isActive(entry, matches.get(entry))).length +
    // They are switched off after the new ones were created.
    others.filter((webhook) => webhook.account === account).length;
  const grown = declared.filter(
    (entry) => isActive(entry, matches.get(entry)) && matches.get(entry)?.status !== "active",
  );
  for (const account of new Set(grown.map((entry) => entry.account))) {
    const count = activeOf(account);
    if (count <= ACTIVE_PER_ACCOUNT_MAX) continue;
    const whose = account === null ? "not limited to an account" : `of the account ${printable(account)}`;
    addProblem(
      planning,
      "/webhooks",
      `There would be ${count} active endpoints ${whose}; ${ACTIVE_PER_ACCOUNT_MAX} are allowed.`,
    );
  }
}

function isActive({ status }: DeclaredWebhook, present: Webhook | undefined): boolean {
  return (status ?? present?.status ?? "active") === "active";
}

/** A URL may hold a secret of its receiver, so a plan names the origin alone. */
function nameOf({ url, label, account }: Pick<Webhook, "url" | "label" | "account">): string {
  return [
    originOf(url),
    ...(label === null ? [] : [`"${label}"`]),
    ...(account === null ? [] : [`of ${account}`]),
  ].join(" ");
}

function shown({ label, events, status }: Webhook): ShownMembers {
  return { label, events, status };
}

async function creation(planning: Planning, declared: DeclaredWebhook): Promise<Step> {
  const { at, url, account, label = null, events = EVERY_EVENT, status = "active" } = declared;
  const name = nameOf({ url, account, label });
  await attempt(planning, `${at}/url`, () => requireUsableUrl(url, planning.webhookSender));
  if (account !== null && !planning.shortnames.has(account)) {
    addProblem(planning, `${at}/account`, "There is no account of that name.");
  }
  let source: SecretSource | undefined;
  return {
    action: "create",
    kind: "webhook",
    name,
    changes: diffMembers({ events: EVERY_EVENT, status: "active" }, { events, status }),
    isPruned: false,
    makesSecret: true,
    async prepare() {
      source = await planning.webhookSecretSource();
    },
    async run(tx) {
      if (source === undefined) throw new Error("a webhook endpoint is created without a source of secrets");
      const { webhook, secret } = await createWebhook(tx, { url, account, label, events }, source);
      await changeWebhook(tx, webhook.id, { status });
      return { kind: "webhook", name, id: webhook.id, secret };
    },
  };
}

function change({ label, events, status }: DeclaredWebhook, present: Webhook): Step | undefined {
  const changes = diffMembers(shown(present), { label, events, status });
  return changes.length === 0 ? undefined : changing(present, changes, { label, events, status }, false);
}

function changing(
  present: Webhook,
  changes: readonly MemberChange[],
  patch: Parameters<typeof changeWebhook>[2],
  isPruned: boolean,
): Step {
  return {
    action: actionOf(changes),
    kind: "webhook",
    name: nameOf(present),
    changes,
    isPruned,
    async run(tx) {
      requireAsPlanned(shown(await loadWebhook(tx, present.id)), changes);
      await changeWebhook(tx, present.id, patch);
      return undefined;
    },
  };
}
