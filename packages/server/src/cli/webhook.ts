import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { attemptJson, deliveryJson, describeAttempt, webhookJson } from "../core/json/webhooks.ts";
import { OperatorError } from "../core/operator-error.ts";
import { changeWebhook, createWebhook, rotateWebhookSecret, type WithSecret } from "../core/webhooks/changes.ts";
import { testMessage } from "../core/webhooks/message.ts";
import type { Delivery, Webhook, WebhookId } from "../core/webhooks/model.ts";
import { DELIVERIES_KEPT } from "../core/webhooks/store.ts";
import { requireUsableUrl } from "../core/webhooks/url.ts";
import { parseDurationMs } from "../config/duration.ts";
import { readAllPages } from "../core/store/read-all-pages.ts";
import {
  type CliAdministration,
  type CliContext,
  NegativeResult,
  paint,
  paintStatus,
  print,
  WrongUsage,
} from "./context.ts";
import { commitAs, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };
type EditOptions = Options & { readonly url?: string; readonly events?: string; readonly label?: string };

const NONCE_BYTES = 15;

export function webhookCommand(context: CliContext): Command {
  const command = new Command("webhook");

  withStoreFlags(command.command("create"))
    .argument("<url>", "https://…; http:// only for the networks of COUNTERSIGN_WEBHOOK_NETWORKS")
    .description("create an endpoint and print its secret; it gets the events from now on")
    .option("--events <patterns>", "such as key.*,user.created; separated by commas (default: all)")
    .option("--account <shortname>", "only the events of this account")
    .option("--label <text>", "what the endpoint is for")
    .option("--json", "print JSON")
    .action(
      async (
        url: string,
        options: Options & { readonly events?: string; readonly account?: string; readonly label?: string },
      ) => {
        const { account = null, label } = options;
        const events = parsePatterns(options.events);
        const created = await withAdministration(context, options, async (administration) => {
          await requireUsableUrl(url, (await administration.openWebhooks()).sender);
          const source = await secretSource(context, administration);
          return commitAs(context, administration, (tx) => createWebhook(tx, { url, events, label, account }, source));
        });
        printSecret(context, created, options.json);
      },
    );

  withStoreFlags(command.command("list"))
    .description("list endpoints")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const webhooks = await withAdministration(context, options, ({ store }) =>
        readAllPages((page) => store.webhooks.page({}, page)),
      );
      print(context, options.json, webhooks.map(webhookJson), () =>
        webhooks.length === 0
          ? "No webhook endpoints yet; create one with: countersign webhook create <url>"
          : webhookTable(context, webhooks),
      );
    });

  withStoreFlags(command.command("edit"))
    .argument("<id>")
    .description("change an endpoint; a new URL or filter holds for everything that wasn't delivered yet")
    .option("--url <url>", "https://…; http:// only for the networks of COUNTERSIGN_WEBHOOK_NETWORKS")
    .option("--events <patterns>", "such as key.*,user.created; separated by commas")
    .option("--label <text>", "what the endpoint is for")
    .option("--json", "print JSON")
    .action(async (idText: string, options: EditOptions) => {
      const id = parseWebhookId(idText);
      const { url, label } = options;
      const patch = { url, label, events: parsePatterns(options.events) };
      if (Object.values(patch).every((value) => value === undefined)) {
        throw new WrongUsage("Say what to change: --url, --events or --label.");
      }
      const webhook = await withAdministration(context, options, async (administration) => {
        if (url !== undefined) await requireUsableUrl(url, (await administration.openWebhooks()).sender);
        return commitAs(context, administration, (tx) => changeWebhook(tx, id, patch));
      });
      print(context, options.json, webhookJson(webhook), () =>
        formatFields([
          ["id", String(id)],
          ["url", webhook.url],
          ["events", webhook.events.join(",")],
          ["label", webhook.label ?? "-"],
        ]),
      );
    });

  withStoreFlags(command.command("rotate"))
    .argument("<id>")
    .description("give an endpoint a new secret and print it")
    .option(
      "--overlap <duration>",
      "how long deliveries are signed with the previous secret, too; 0s: not at all",
      "24h",
    )
    .option("--json", "print JSON")
    .action(async (idText: string, options: Options & { readonly overlap: string }) => {
      const id = parseWebhookId(idText);
      const overlapMs = parseDurationMs(options.overlap);
      if (overlapMs === undefined)
        throw new WrongUsage("--overlap takes a duration such as 24h; 0s ends the old secret.");
      const rotated = await withAdministration(context, options, async (administration) => {
        const source = await secretSource(context, administration);
        return commitAs(context, administration, (tx) => rotateWebhookSecret(tx, id, overlapMs, source));
      });
      printSecret(context, rotated, options.json);
    });

  withStoreFlags(command.command("deactivate"))
    .argument("<id>")
    .description("stop delivering to an endpoint; it keeps its place in the audit log")
    .option("--json", "print JSON")
    .action((id: string, options: Options) => setStatus(context, id, options, { status: "deactivated" }));

  withStoreFlags(command.command("activate"))
    .argument("<id>")
    .description("deliver again, from the first event that wasn't delivered")
    .option("--skip", "leave out what happened so far, and deliver only new events")
    .option("--json", "print JSON")
    .action((id: string, options: Options & { readonly skip?: boolean }) =>
      setStatus(context, id, options, { status: "active", skipPending: options.skip === true }),
    );

  withStoreFlags(command.command("test"))
    .argument("<id>")
    .description("send a test message to an endpoint now, and print the result")
    .option("--json", "print JSON")
    .action(async (idText: string, options: Options) => {
      const id = parseWebhookId(idText);
      const attempt = await withAdministration(context, options, async (administration) => {
        const webhook = await loadWebhook(administration, id);
        const { deliver } = await administration.openWebhooks();
        return deliver(webhook, testMessage(id, context.random.bytes(NONCE_BYTES), context.clock.wallMs()));
      });
      const isGood = attempt.outcome === "delivered";
      print(context, options.json, attemptJson(attempt), () => {
        const word = paint(context, isGood ? "green" : "red", isGood ? "delivered" : "failed");
        return `${word} after ${Math.round(attempt.durationMs)} ms: ${describeAttempt(attempt)}`;
      });
      if (!isGood) throw new NegativeResult();
    });

  withStoreFlags(command.command("deliveries"))
    .argument("<id>")
    .description(`list the last attempts to deliver to an endpoint, newest first, at most ${DELIVERIES_KEPT}`)
    .option("--json", "print JSON")
    .action(async (idText: string, options: Options) => {
      const id = parseWebhookId(idText);
      const deliveries = await withAdministration(context, options, async (administration) => {
        await loadWebhook(administration, id);
        return readAllPages((page) => administration.store.webhooks.deliveries(id, page));
      });
      print(context, options.json, deliveries.map(deliveryJson), () =>
        deliveries.length === 0 ? "Nothing was delivered to this endpoint yet." : deliveryTable(context, deliveries),
      );
    });
  return command;
}

async function setStatus(
  context: CliContext,
  idText: string,
  options: Options,
  patch: { readonly status: "active" | "deactivated"; readonly skipPending?: boolean },
): Promise<void> {
  const id = parseWebhookId(idText);
  const webhook = await withAdministration(context, options, (administration) =>
    commitAs(context, administration, (tx) => changeWebhook(tx, id, patch)),
  );
  print(
    context,
    options.json,
    webhookJson(webhook),
    () => `Endpoint ${id} is ${paintStatus(context, webhook.status)}.`,
  );
}

async function secretSource({ random }: CliContext, administration: CliAdministration) {
  return { masterSecret: await administration.newestMasterSecret(), random };
}

async function loadWebhook({ store }: CliAdministration, id: WebhookId): Promise<Webhook> {
  const webhook = await store.webhooks.load(id);
  if (webhook !== undefined) return webhook;
  throw new OperatorError(`There is no webhook endpoint ${id}; countersign webhook list shows them.`);
}

function parsePatterns(text: string | undefined): readonly string[] | undefined {
  return text?.split(",").map((pattern) => pattern.trim());
}

function parseWebhookId(text: string): WebhookId {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) {
    throw new WrongUsage("An endpoint's id is a whole number; countersign webhook list shows them.");
  }
  return Number(text) as WebhookId;
}

function printSecret(context: CliContext, { webhook, secret }: WithSecret, json: boolean | undefined): void {
  const { id, ...rest } = webhookJson(webhook);
  print(context, json, { id, secret, ...rest }, () =>
    formatFields([
      ["id", String(id)],
      ["secret", secret],
      ["url", webhook.url],
      ["events", webhook.events.join(",")],
    ]),
  );
  context.stderr.write("The secret is shown only once; the store doesn't have it.\n");
}

function webhookTable(context: CliContext, webhooks: readonly Webhook[]): string {
  const now = context.clock.wallMs();
  const rows = webhooks.map((webhook) => [
    String(webhook.id),
    paintStatus(context, webhook.status),
    webhook.url,
    webhook.events.join(","),
    webhook.account ?? "-",
    webhook.lastDeliveredAtMs === null ? "never" : relativeTime(webhook.lastDeliveredAtMs, now),
    stateOf(webhook, now),
  ]);
  return formatTable(["id", "status", "url", "events", "account", "last delivered", "problem"], rows);
}

/** What keeps an endpoint from getting events; a dash if nothing does. */
function stateOf({ disabledReason, attempts, failingSinceMs, nextAttemptAtMs }: Webhook, now: number): string {
  if (disabledReason === "gone") return "answered 410 Gone";
  if (failingSinceMs === null) return "-";
  const since = `failing since ${relativeTime(failingSinceMs, now)}, ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  return nextAttemptAtMs === null ? since : `${since}, next ${relativeTime(nextAttemptAtMs, now)}`;
}

function deliveryTable(context: CliContext, deliveries: readonly Delivery[]): string {
  const now = context.clock.wallMs();
  const rows = deliveries.map((delivery) => [
    relativeTime(delivery.atMs, now),
    String(delivery.seq),
    delivery.action,
    String(delivery.attempt),
    paint(context, delivery.outcome === "delivered" ? "green" : "red", delivery.outcome),
    delivery.httpStatus === null ? "-" : String(delivery.httpStatus),
    `${delivery.durationMs} ms`,
    delivery.messageId,
  ]);
  return formatTable(["when", "event", "action", "attempt", "outcome", "status", "took", "message"], rows);
}
