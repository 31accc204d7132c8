import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { exportRegistry } from "../core/declared-state/export-registry.ts";
import { formatJson, formatYaml } from "../core/declared-state/format-document.ts";
import { REGISTRY_SCHEMA } from "../core/declared-state/schema.ts";
import { type CliContext, note } from "./context.ts";
import { loadNamedAccount } from "./named-account.ts";
import { withTarget, withTargetFlags } from "./target.ts";
import { writePieces } from "./write-pieces.ts";

type Options = Flags & { readonly json?: boolean; readonly account?: string; readonly schema?: boolean };

export function exportCommand(context: CliContext): Command {
  return withTargetFlags(new Command("export"))
    .option("--account <shortname>", "only this account; apply then changes nothing else")
    .option("--schema", "print the JSON Schema of the document instead, by which editors complete it")
    .option("--json", "print JSON")
    .action(async ({ schema = false, ...options }: Options) => {
      if (schema) {
        await writePieces(context, [`${JSON.stringify(REGISTRY_SCHEMA, null, 2)}\n`]);
        return;
      }
      const { account: shortname, json = false } = options;
      await withTarget(context, options, async ({ operate, server, administration }) => {
        const named = shortname === undefined ? undefined : await loadNamedAccount(operate, shortname);
        if (named !== undefined && named.archived_at !== null) noteArchived(context, named.shortname);
        if (server !== undefined) {
          const { downloadRegistry } = await import("./remote-operations.ts");
          const document = downloadRegistry(server, { format: json ? "json" : "yaml", account: shortname });
          await writePieces(context, json ? withLineEnd(document) : document);
          return;
        }
        const { store } = administration;
        const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
        const registry = await exportRegistry({ store }, { account, hasOperators: true }, context.clock.wallMs());
        await writePieces(context, json ? withLineEnd(formatJson(registry)) : formatYaml(registry));
      });
    });
}

function noteArchived(context: CliContext, shortname: string): void {
  note(context, `${shortname} is archived; a document can't say so, and calls it deactivated.`);
}

async function* withLineEnd(document: AsyncIterable<string>): AsyncGenerator<string> {
  yield* document;
  yield "\n";
}
