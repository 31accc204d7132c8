import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { holdsPassword } from "../config/database-url.ts";
import { describeRestoration, type RememberedEvent } from "../core/store-identity/position.ts";
import { type CliContext, note, print, readStdin } from "./context.ts";
import { confirm, withYes, type YesOption } from "./confirm.ts";
import { warnOfPassword, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";

const URL_CHARACTERS_MAX = 4096;

export function storeCommand(context: CliContext): Command {
  const command = new Command("store");

  withStoreFlags(command.command("copy"))
    .description("copy everything into an empty PostgreSQL database and check the copy; stop all nodes first")
    .requiredOption("--to <database url>", "postgres://…; - reads standard input, to keep it out of the process list")
    .option("--json", "print JSON")
    .action(async (options: Flags & { to: string; json?: boolean }) => {
      const url = options.to === "-" ? (await readStdin(context, URL_CHARACTERS_MAX)).trim() : options.to;
      const config = context.config(options);
      warnOfPassword(context, options);
      if (options.to !== "-" && holdsPassword(url)) {
        context.stderr.write(
          "countersign: warning: --to holds a password, which every user of this machine can read in the process list; use --to - and give the URL on standard input\n",
        );
      }
      const { rows, lastEvent } = await context.copyStore(config, url);
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
      note(context, "the copy doesn't contain the master secret; start the nodes with this store's master secret.");
    });
  withYes(withStoreFlags(command.command("accept")))
    .description(
      "accept a restored or replaced store, or one whose master secret is lost; ends every token minted so far",
    )
    .option("--json", "print JSON")
    .action(async (options: Flags & YesOption & { json?: boolean }) => {
      const config = context.config(options);
      await confirm(context, options, "Every token minted so far ends, whoever holds it.");
      const { signingKey, retired, restoration } = await context.acceptStore(config);
      const undone = restoration?.undone ?? [];
      const value = {
        signing_key: signingKey,
        retired_signing_keys: retired,
        undone: undone.map(({ seq, atMs, action, subject }) => ({
          seq,
          time: new Date(atMs).toISOString(),
          action,
          subject,
        })),
      };
      print(context, options.json, value, () =>
        [
          restoration === undefined
            ? "No change is known to be lost."
            : `Accepted: ${describeRestoration(restoration)}.`,
          `Signing key ${signingKey} signs new tokens; all tokens minted so far are inactive.`,
          ...(undone.length === 0 ? [] : ["", "Lost changes; repeat those that still apply:", formatUndone(undone)]),
        ].join("\n"),
      );
    });
  return command;
}

function formatUndone(undone: readonly RememberedEvent[]): string {
  return formatTable(
    ["seq", "time", "action", "subject"],
    undone.map(({ seq, atMs, action, subject }) => [String(seq), new Date(atMs).toISOString(), action, subject]),
  );
}
