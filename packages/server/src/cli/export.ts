import { once } from "node:events";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type ExportedRegistry, exportRegistry } from "../core/declared-state/export-registry.ts";
import { formatJson, formatYaml } from "../core/declared-state/format-document.ts";
import { REGISTRY_SCHEMA } from "../core/declared-state/schema.ts";
import { printable } from "../core/names.ts";
import { Refusal } from "../core/refusal.ts";
import { beginsResult, type CliContext, note } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";

type Options = Flags & { readonly json?: boolean; readonly account?: string; readonly schema?: boolean };

export function exportCommand(context: CliContext): Command {
  return withStoreFlags(new Command("export"))
    .option("--account <shortname>", "only this account; apply then changes nothing else")
    .option("--schema", "print the JSON Schema of the document instead, by which editors complete it")
    .option("--json", "print JSON")
    .action(async ({ schema = false, ...options }: Options) => {
      if (schema) {
        await write(context, [`${JSON.stringify(REGISTRY_SCHEMA, null, 2)}\n`]);
        return;
      }
      await withAdministration(context, options, async ({ store }) => {
        const { account: shortname, json = false } = options;
        const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
        if (shortname !== undefined && account === undefined) {
          throw new Refusal("not_found", `There is no account ${printable(shortname)}.`, {
            unknownName: { kind: "account", name: shortname },
          });
        }
        if (account !== undefined && account.archivedAtMs !== null) {
          note(context, `${account.shortname} is archived; a document can't say so, and calls it deactivated.`);
        }
        const registry = await exportRegistry({ store }, { account, hasOperators: true }, context.clock.wallMs());
        await write(context, json ? withLineEnd(registry) : formatYaml(registry));
      });
    });
}

async function* withLineEnd(registry: ExportedRegistry): AsyncGenerator<string> {
  yield* formatJson(registry);
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
