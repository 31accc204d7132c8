import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type CliContext, print } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";

/** Opening a store brings its schema up to date; this command does that and nothing else. */
export function migrateCommand(context: CliContext): Command {
  return withStoreFlags(new Command("migrate"))
    .description("bring the store's schema up to date, as serve does by itself")
    .option("--json", "print JSON")
    .action(async (options: Flags & { json?: boolean }) => {
      const engine = await withAdministration(context, options, ({ store }) => Promise.resolve(store.engine), true);
      print(context, options.json, { store: engine, schema: "current" }, () => `The ${engine} store is up to date.`);
    });
}
