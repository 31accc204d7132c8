import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type EventRow, fromRow } from "../core/feed/event.ts";
import { chainReportJson, verifyChain } from "../core/feed/verify-chain.ts";
import { NegativeResult, type CliContext, paint, print, WrongUsage } from "./context.ts";
import { eventJson } from "../core/json/registry.ts";
import type { StreamOptions } from "./audit-stream.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function auditCommand(context: CliContext): Command {
  const audit = new Command("audit");

  withStoreFlags(audit.command("list"))
    .description("list changes, oldest first")
    .option("--limit <number>", "only the newest changes", "100")
    .option("--json", "print JSON")
    .action(async (options: Options & { limit: string }) => {
      if (!/^[1-9][0-9]{0,5}$/.test(options.limit))
        throw new WrongUsage("--limit takes a whole number from 1 to 999999.");
      const limit = Number(options.limit);
      const events = await withAdministration(
        context,
        options,
        async ({ store }) => store.events.after(Math.max(0, (await store.events.last()).seq - limit), limit),
        // An operator needs the log to see where a restored store ends.
        { mayBeRestored: true },
      );
      print(context, options.json, events.map(eventJson), () => {
        if (events.length === 0) return "The audit log is empty.";
        const now = context.clock.wallMs();
        const rows = events.map((event) => [
          String(event.seq),
          relativeTime(event.atMs, now),
          event.actor,
          event.action,
          event.subject,
          nameIn(event),
        ]);
        return formatTable(["seq", "when", "actor", "action", "subject", "name"], rows);
      });
    });

  withStoreFlags(audit.command("verify"))
    .description("check the hash chain from its beginning")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const report = await withAdministration(context, options, ({ store }) => verifyChain(store.events), {
        mayBeRestored: true,
      });
      const { events, lastHash, broken } = report;
      print(context, options.json, chainReportJson(report), () =>
        broken === undefined
          ? `${paint(context, "green", "whole")}: ${events} events, last hash ${lastHash}`
          : `${paint(context, "red", "broken")} at event ${broken.seq}: ${broken.problem}`,
      );
      if (broken !== undefined) throw new NegativeResult();
    });
  withStoreFlags(audit.command("stream"))
    .description("pass every change on to another system, such as a SIEM, until it is stopped")
    .requiredOption(
      "--to <receiver>",
      "file:<path>, stdout, syslog+tls://<host>[:6514], syslog+tcp://<host>:<port> or syslog+udp://<host>[:514]",
    )
    .requiredOption("--position <file>", "remembers what was passed on, so that the next start continues after it")
    .option(
      "--from <place>",
      "where to begin if there is no position yet: beginning, now, or an event's number",
      "beginning",
    )
    .option("--tls-ca <file>", "certificates to trust, in place of the system's (PEM)")
    .option("--tls-cert <file>", "the client's certificate (PEM)")
    .option("--tls-key <file>", "its private key (PEM)")
    .action(async (options: StreamOptions) => {
      const { streamAudit } = await import("./audit-stream.ts");
      await streamAudit(context, options);
    });
  return audit;
}

/** The username or shortname that an event names; a dash if it names neither. */
function nameIn(row: EventRow): string {
  const event = fromRow(row);
  if ("username" in event) return event.username;
  return "shortname" in event ? event.shortname : "-";
}
