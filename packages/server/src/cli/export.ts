import { once } from "node:events";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { exportRegistry } from "../core/declared-state/export-registry.ts";
import { formatJson, formatYaml } from "../core/declared-state/format-document.ts";
import { REGISTRY_SCHEMA } from "../core/declared-state/schema.ts";
import { printable } from "../core/names.ts";
import { Refusal } from "../core/refusal.ts";
import { beginsResult, type CliContext, note } from "./context.ts";
import { findServer } from "./find-server.ts";
import type { Operate } from "./operations.ts";
import { withAdministration } from "./store-flags.ts";
import { named, withOperations, withTargetFlags } from "./target.ts";

type Options = Flags & { readonly json?: boolean; readonly account?: string; readonly schema?: boolean };

export function exportCommand(context: CliContext): Command {
  return withTargetFlags(new Command("export"))
    .option("--account <shortname>", "only this account; apply then changes nothing else")
    .option("--schema", "print the JSON Schema of the document instead, by which editors complete it")
    .option("--json", "print JSON")
    .action(async ({ schema = false, ...options }: Options) => {
      if (schema) {
        await write(context, [`${JSON.stringify(REGISTRY_SCHEMA, null, 2)}\n`]);
        return;
      }
      const { account: shortname, json = false } = options;
      const server = findServer(context, options);
      if (server !== undefined) {
        await withOperations(context, options, async (operate) => {
          if (shortname !== undefined) await lookAtAccount(context, operate, shortname);
          const { downloadRegistry } = await import("./remote-operations.ts");
          const document = downloadRegistry(server, { format: json ? "json" : "yaml", account: shortname });
          await write(context, json ? withLineEnd(document) : document);
        });
        return;
      }
      await withAdministration(context, options, async ({ store }) => {
        const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
        if (shortname !== undefined && account === undefined) {
          throw noSuchAccount(shortname);
        }
        if (account !== undefined && account.archivedAtMs !== null) noteArchived(context, account.shortname);
        const registry = await exportRegistry({ store }, { account, hasOperators: true }, context.clock.wallMs());
        await write(context, json ? withLineEnd(formatJson(registry)) : formatYaml(registry));
      });
    });
}

/** @throws {Refusal} `not_found` */
async function lookAtAccount(context: CliContext, operate: Operate, shortname: string): Promise<void> {
  const { data } = await named(operate("getAccount", { params: { shortname } }), noSuchAccount(shortname));
  if (data.archived_at !== null) noteArchived(context, data.shortname);
}

function noSuchAccount(shortname: string): Refusal {
  const message = `There is no account ${printable(shortname)}.`;
  return new Refusal("not_found", message, { unknownName: { kind: "account", name: shortname } });
}

function noteArchived(context: CliContext, shortname: string): void {
  note(context, `${shortname} is archived; a document can't say so, and calls it deactivated.`);
}

async function* withLineEnd(document: AsyncIterable<string>): AsyncGenerator<string> {
  yield* document;
  yield "\n";
}

/** Writes pieces as fast as the reader takes them. */
async function write(context: CliContext, pieces: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const { stdout } = context;
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length < 65_536) continue;
    beginsResult(context);
    if (!stdout.write(text)) await once(stdout, "drain");
    text = "";
  }
  beginsResult(context);
  stdout.write(text);
}
