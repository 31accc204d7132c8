import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type EventRow, fromRow } from "../core/feed/event.ts";
import { NegativeResult, type CliContext, paint, print, WrongUsage } from "./context.ts";
import { DURATION_FORM, parseDurationMs } from "../config/duration.ts";
import { isTime } from "../core/time-text.ts";
import { unknownUser } from "../core/users/changes.ts";
import { type ListOptions, noteMore, partOf } from "./list-options.ts";
import { listPart, type Operate } from "./operations.ts";
import { named, withOperations, withTargetFlags } from "./target.ts";
import type { StreamOptions } from "./audit-stream.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function auditCommand(context: CliContext): Command {
  const audit = new Command("audit");

  withTargetFlags(audit.command("list"))
    .description("list changes, oldest first")
    .option("--limit <number>", "only the newest changes", "100")
    .option("--cursor <cursor>", "go on with older changes where a list ended")
    .option("--actor <actor>", "only changes by this author, such as cli:root or alice@example.com")
    .option("--actor-contains <text>", "only changes by authors with this in their name")
    .option("--action <action>", "only these, such as key.revoked")
    .option("--subject <subject>", "only changes of this, such as user:3")
    .option("--user <username>", "only changes of this API user")
    .option("--since <time>", "not before this time (RFC 3339), or this long ago, such as 7d")
    .option("--until <time>", "before this time (RFC 3339), or this long ago")
    .option("--json", "print JSON")
    .action((options: AuditListOptions) => listEvents(context, options));

  withTargetFlags(audit.command("verify"))
    .description("check the hash chain from its beginning")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const { data: report } = await withOperations(context, options, (operate) => operate("verifyAuditChain", {}), {
        mayBeRestored: true,
      });
      print(context, options.json, report, () =>
        "last_hash" in report
          ? `${paint(context, "green", "whole")}: ${report.events} events, last hash ${report.last_hash}`
          : `${paint(context, "red", "broken")} at event ${report.seq}: ${report.problem}`,
      );
      if (!report.ok) throw new NegativeResult();
    });
  withTargetFlags(audit.command("stream"))
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

interface AuditListOptions extends Options, ListOptions {
  readonly actor?: string;
  readonly actorContains?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly user?: string;
  readonly since?: string;
  readonly until?: string;
}

async function listEvents(context: CliContext, options: AuditListOptions): Promise<void> {
  const { actor, actorContains, action, user: username } = options;
  if (actor !== undefined && actorContains !== undefined) {
    throw new WrongUsage("--actor names the author whole: give one of --actor and --actor-contains.");
  }
  if (username !== undefined && options.subject !== undefined) {
    throw new WrongUsage("--user is a subject too: give one of --user and --subject.");
  }
  const from = readTime(context, "--since", options.since);
  const until = readTime(context, "--until", options.until);
  const part = partOf(options);
  const { items: newestFirst, cursor } = await withOperations(
    context,
    options,
    async (operate) => {
      const subject = username === undefined ? options.subject : await subjectOf(operate, username);
      return listPart(
        operate,
        "listAuditEvents",
        { query: { actor, actor_contains: actorContains, action, subject, from, until } },
        part,
      );
    },
    // An operator needs the log to see where a restored store ends.
    { mayBeRestored: true },
  );
  const events = newestFirst.toReversed();
  const isFiltered = [actor, actorContains, action, options.subject, username, from, until].some(
    (value) => value !== undefined,
  );
  print(context, options.json, events, () => {
    if (events.length === 0) return isFiltered ? "No such changes." : "The audit log is empty.";
    const now = context.clock.wallMs();
    const rows = events.map((event) => [
      String(event.seq),
      relativeTime(Date.parse(event.at), now),
      event.actor,
      event.action,
      event.subject,
      nameIn(event),
    ]);
    return formatTable(["seq", "when", "actor", "action", "subject", "name"], rows);
  });
  // The newest changes are what the command is for: that there are older ones goes without saying.
  if (options.cursor !== undefined || isFiltered) noteMore(context, cursor);
}

async function subjectOf(operate: Operate, username: string): Promise<string> {
  const { data } = await named(operate("getUser", { params: { username } }), unknownUser(username));
  return `user:${data.id}`;
}

/** A time as the admin API takes it. @throws {WrongUsage} */
function readTime(context: CliContext, option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (isTime(text)) return new Date(Date.parse(text)).toISOString();
  const ago = parseDurationMs(text);
  if (ago === undefined)
    throw new WrongUsage(`${option} takes a time such as 2027-12-31T23:59:59Z, or ${DURATION_FORM}.`);
  return new Date(context.clock.wallMs() - ago).toISOString();
}

/** The username or shortname that an event names; a dash if it names neither. */
function nameIn(row: EventRow): string {
  const event = fromRow(row);
  const name: unknown = "username" in event ? event.username : "shortname" in event ? event.shortname : undefined;
  return typeof name === "string" ? name : "-";
}
