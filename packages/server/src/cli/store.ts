import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type CliContext, print, readStdin } from "./context.ts";
import { withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";

const URL_CHARACTERS_MAX = 4096;

export function storeCommand(context: CliContext): Command {
  const command = new Command("store").description("the store as a whole");

  withStoreFlags(command.command("copy"))
    .description("copy everything into an empty PostgreSQL database, and check the copy; no node may be serving")
    .requiredOption("--to <database url>", "postgres://…; - reads it from standard input, past the process list")
    .option("--json", "print JSON")
    .action(async (options: Flags & { to: string; json?: boolean }) => {
      const url = options.to === "-" ? (await readStdin(context, URL_CHARACTERS_MAX)).trim() : options.to;
      const { rows, lastEvent } = await context.copyStore(context.config(options), url);
      print(context, options.json, { rows, last_seq: lastEvent.seq, last_hash: lastEvent.hash }, () =>
        [
          formatTable(
            ["table", "rows"],
            Object.entries(rows).map(([table, count]) => [table, String(count)]),
          ),
          "",
          `The audit log is whole up to event ${lastEvent.seq}, hash ${lastEvent.hash}.`,
        ].join("\n"),
      );
      context.stderr.write(
        "countersign: note: the master secret isn't in the copy; start the nodes with the one that this store had.\n",
      );
    });
  return command;
}
