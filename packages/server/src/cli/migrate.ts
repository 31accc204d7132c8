import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type CliContext, print } from "./context.ts";
import { creating, type NewStoreFlag, withAdministration, withNewStoreFlag, withStoreFlags } from "./store-flags.ts";

/** Opens the store, which brings its schema up to date, and does nothing else. */
export function migrateCommand(context: CliContext): Command {
  return withNewStoreFlag(withStoreFlags(new Command("migrate")))
    .option("--json", "print JSON")
    .action(async (options: Flags & NewStoreFlag & { json?: boolean }) => {
      const engine = await withAdministration(
        context,
        options,
        ({ store }) => Promise.resolve(store.engine),
        creating(options),
      );
      print(context, options.json, { store: engine, schema: "current" }, () => `The ${engine} store is up to date.`);
    });
}
