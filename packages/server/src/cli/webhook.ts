import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownWebhook } from "../core/webhooks/changes.ts";
import type { WebhookId } from "../core/webhooks/model.ts";
import { DELIVERIES_KEPT } from "../core/webhooks/store.ts";
import { parseDurationMs } from "../config/duration.ts";
import { type CliContext, NegativeResult, paint, paintStatus, print, WrongUsage } from "./context.ts";
import { secretOf } from "./made-secret.ts";
import {
  type DeliveryJson,
  type InputOf,
  listAll,
  type OperationAnswer,
  type WebhookJson,
  type WebhookWithSecretJson,
} from "./operations.ts";
import { formatFields, formatTable } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };
type EditOptions = Options & { readonly url?: string; readonly events?: string; readonly label?: string };

export function webhookCommand(context: CliContext): Command {
  const command = new Command("webhook");

  withTargetFlags(command.command("create"))
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
        const { account, label } = options;
        const body = { url, events: parsePatterns(options.events), label, account };
        noteTarget(context, options);
        const created = await withOperations(context, options, (operate) => operate("createWebhook", { body }));
        printSecret(context, created, options.json);
      },
    );

  withTargetFlags(command.command("list"))
    .description("list endpoints")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const webhooks = await withOperations(context, options, (operate) =>
        listAll(operate, "listWebhooks", { query: {} }),
      );
      print(context, options.json, webhooks, () =>
        webhooks.length === 0
          ? "No webhook endpoints yet; create one with: countersign webhook create <url>"
          : webhookTable(context, webhooks),
      );
    });

  withTargetFlags(command.command("edit"))
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
      const webhook = await changeWebhook(context, options, id, patch);
      print(context, options.json, webhook, () =>
        formatFields([
          ["id", String(id)],
          ["url", webhook.url],
          ["events", webhook.events.join(",")],
          ["label", webhook.label ?? "-"],
        ]),
      );
    });

  withTargetFlags(command.command("rotate"))
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
      const input = { params: { id }, body: { overlap_seconds: overlapMs / 1000 } };
      noteTarget(context, options);
      const rotated = await withOperations(context, options, (operate) =>
        named(operate("rotateWebhookSecret", input), unknownWebhook(id)),
      );
      printSecret(context, rotated, options.json);
    });

  withTargetFlags(command.command("deactivate"))
    .argument("<id>")
    .description("stop delivering to an endpoint; it keeps its place in the audit log")
    .option("--json", "print JSON")
    .action((id: string, options: Options) => setStatus(context, id, options, { status: "deactivated" }));

  withTargetFlags(command.command("activate"))
    .argument("<id>")
    .description("deliver again, from the first event that wasn't delivered")
    .option("--skip", "leave out what happened so far, and deliver only new events")
    .option("--json", "print JSON")
    .action((id: string, options: Options & { readonly skip?: boolean }) =>
      setStatus(context, id, options, { status: "active", skip_pending: options.skip === true }),
    );

  withTargetFlags(command.command("test"))
    .argument("<id>")
    .description("send a test message to an endpoint now, and print the result")
    .option("--json", "print JSON")
    .action(async (idText: string, options: Options) => {
      const id = parseWebhookId(idText);
      const { data: attempt } = await withOperations(context, options, (operate) =>
        named(operate("testWebhook", { params: { id } }), unknownWebhook(id)),
      );
      const isGood = attempt.outcome === "delivered";
      print(context, options.json, attempt, () => {
        const word = paint(context, isGood ? "green" : "red", isGood ? "delivered" : "failed");
        return `${word} after ${attempt.duration_ms} ms: ${attempt.message}`;
      });
      if (!isGood) throw new NegativeResult();
    });

  withTargetFlags(command.command("deliveries"))
    .argument("<id>")
    .description(`list the last attempts to deliver to an endpoint, newest first, at most ${DELIVERIES_KEPT}`)
    .option("--json", "print JSON")
    .action(async (idText: string, options: Options) => {
      const id = parseWebhookId(idText);
      const deliveries = await withOperations(context, options, (operate) =>
        named(listAll(operate, "listWebhookDeliveries", { params: { id }, query: {} }), unknownWebhook(id)),
      );
      print(context, options.json, deliveries, () =>
        deliveries.length === 0 ? "Nothing was delivered to this endpoint yet." : deliveryTable(context, deliveries),
      );
    });
  return command;
}

async function setStatus(context: CliContext, idText: string, options: Options, patch: WebhookChange): Promise<void> {
  const id = parseWebhookId(idText);
  const webhook = await changeWebhook(context, options, id, patch);
  print(context, options.json, webhook, () => `Endpoint ${id} is ${paintStatus(context, webhook.status)}.`);
}

type WebhookChange = InputOf<"changeWebhook">["body"];

async function changeWebhook(
  context: CliContext,
  options: Options,
  id: WebhookId,
  body: WebhookChange,
): Promise<WebhookJson> {
  noteTarget(context, options);
  const { data } = await withOperations(context, options, (operate) =>
    named(operate("changeWebhook", { params: { id }, body }), unknownWebhook(id)),
  );
  return data;
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

function printSecret(
  context: CliContext,
  made: OperationAnswer<WebhookWithSecretJson>,
  json: boolean | undefined,
): void {
  const { id, secret: _, ...rest } = made.data;
  const secret = secretOf(made, made.data.secret);
  print(context, json, { id, secret, ...rest }, () =>
    formatFields([
      ["id", String(id)],
      ["secret", secret],
      ["url", rest.url],
      ["events", rest.events.join(",")],
    ]),
  );
  context.stderr.write("The secret is shown only once; the store doesn't have it.\n");
}

function webhookTable(context: CliContext, webhooks: readonly WebhookJson[]): string {
  const now = context.clock.wallMs();
  const rows = webhooks.map((webhook) => [
    String(webhook.id),
    paintStatus(context, webhook.status),
    webhook.url,
    webhook.events.join(","),
    webhook.account ?? "-",
    webhook.last_delivered_at === null ? "never" : relativeTime(Date.parse(webhook.last_delivered_at), now),
    stateOf(webhook, now),
  ]);
  return formatTable(["id", "status", "url", "events", "account", "last delivered", "problem"], rows);
}

/** What keeps an endpoint from getting events; a dash if nothing does. */
function stateOf(webhook: WebhookJson, now: number): string {
  const { disabled_reason: reason, failed_attempts: attempts, failing_since: failing, next_attempt_at: next } = webhook;
  if (reason === "gone") return "answered 410 Gone";
  if (failing === null) return "-";
  const ago = (time: string) => relativeTime(Date.parse(time), now);
  const since = `first failed ${ago(failing)}, ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  if (next === null) return since;
  return `${since}, next ${Date.parse(next) > now ? ago(next) : "now"}`;
}

function deliveryTable(context: CliContext, deliveries: readonly DeliveryJson[]): string {
  const now = context.clock.wallMs();
  const rows = deliveries.map((delivery) => [
    relativeTime(Date.parse(delivery.at), now),
    String(delivery.event_seq),
    delivery.action,
    String(delivery.attempt),
    paint(context, delivery.outcome === "delivered" ? "green" : "red", delivery.outcome),
    delivery.http_status === null ? "-" : String(delivery.http_status),
    `${delivery.duration_ms} ms`,
    delivery.message_id,
  ]);
  return formatTable(["when", "event", "action", "attempt", "outcome", "status", "took", "message"], rows);
}
