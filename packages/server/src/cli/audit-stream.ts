import { hostname } from "node:os";
import { resolve } from "node:path";
import type { Flags } from "../config/config.ts";
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import { type EventReceiver, streamEvents } from "../core/feed/stream-events.ts";
import { eventJson } from "../core/json/registry.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import { errorProblem } from "../platform/error-code.ts";
import { createFileReceiver } from "../platform/event-receivers/file-receiver.ts";
import { createOutputReceiver } from "../platform/event-receivers/output-receiver.ts";
import { syslogMessage } from "../platform/event-receivers/syslog-message.ts";
import { createSyslogReceiver, NotConfirmed, type SyslogServer } from "../platform/event-receivers/syslog-receiver.ts";
import { pause } from "../platform/pause.ts";
import { openStreamPositionFile } from "../platform/stream-position-file.ts";
import { type CliContext, WrongUsage } from "./context.ts";
import { readSmallFile } from "./read-file.ts";
import { withTarget } from "./target.ts";

/** The options of `audit stream`. */
export interface StreamOptions extends Flags {
  readonly to: string;
  readonly position: string;
  readonly from: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

const PORTS = { tls: 6514, tcp: undefined, udp: 514 } as const;

/** Larger than any chain of certificates. */
const PEM_BYTES_MAX = 1024 * 1024;

/** Passes the audit log on until the process is told to end. */
export async function streamAudit(context: CliContext, options: StreamOptions): Promise<void> {
  const from = parseFrom(options.from);
  const server = parseServer(options);
  const file = fileOf(options.to);
  if (file !== undefined && resolve(file) === resolve(options.position)) {
    throw new WrongUsage("--position and --to name the same file.");
  }
  const stopping = new AbortController();
  // As logrotate sends it to every program that writes logs. On a terminal it means that the terminal is gone.
  const hangupEnds = context.stdin.isTTY === true;
  void context.untilSignal({ hangupEnds }).then(() => {
    stopping.abort();
  });
  await withTarget(context, options, async ({ operate, administration }) => {
    const store = administration?.store ?? (await import("./remote-events.ts")).createRemoteEvents(operate);
    const { id: storeId } = await store.storeIdentity();
    await streamEvents({
      store,
      memory: openStreamPositionFile(options.position),
      receiver: openReceiver(context, options.to, server, storeId),
      from,
      // A timer that keeps the process alive: on SQLite nothing else does.
      pause: (milliseconds, signal) => keepAlive(pause(milliseconds, signal)),
      signal: stopping.signal,
      onProblem: (error) => {
        report(context, `${problemText(error)}; trying again`);
      },
      onRecovered: () => {
        report(context, "it works again");
      },
    });
  });
}

/** Keeps the process alive until the promise settles. */
async function keepAlive(waiting: Promise<void>): Promise<void> {
  const timer = setInterval(() => undefined, 60_000);
  try {
    await waiting;
  } finally {
    clearInterval(timer);
  }
}

function report({ stderr, redact }: CliContext, text: string): void {
  stderr.write(redact(`countersign: audit stream: ${text}\n`));
}

function problemText(error: unknown): string {
  if (error instanceof Refusal) return error.message.replace(/\.$/, "");
  return error instanceof NotConfirmed ? error.message : errorProblem(error);
}

function parseFrom(text: string): "now" | number {
  if (text === "now") return text;
  if (text === "beginning") return 1;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new WrongUsage("--from takes beginning, now, or an event's number.");
}

/** The syslog server that is named; `undefined` for another receiver. */
function parseServer({ to, tlsCa, tlsCert, tlsKey }: StreamOptions): SyslogServer | undefined {
  const hasTlsOption = [tlsCa, tlsCert, tlsKey].some((file) => file !== undefined);
  const [, transport] = /^syslog\+(udp|tcp|tls):\/\//.exec(to) ?? [];
  if (hasTlsOption && transport !== "tls") throw new WrongUsage("--tls-ca, --tls-cert and --tls-key need syslog+tls.");
  if (transport === undefined) {
    if (to === "stdout" || /^file:[^]+$/.test(to)) return undefined;
    throw new WrongUsage(
      to.startsWith("syslog:")
        ? "Name the transport: syslog+tls://, syslog+tcp:// or syslog+udp://."
        : "--to takes file:<path>, stdout, or a syslog server such as syslog+tls://siem.example.com.",
    );
  }
  const kind = transport as SyslogServer["transport"];
  const url = URL.canParse(to) ? new URL(to) : undefined;
  const port = url?.port === "" ? PORTS[kind] : Number(url?.port);
  const isPlain = url !== undefined && ["", "/"].includes(url.pathname + url.search + url.hash) && url.username === "";
  if (!isPlain || url.hostname === "" || port === undefined || port === 0) {
    throw new WrongUsage("--to needs a host, and for syslog+tcp a port, such as syslog+tcp://siem.example.com:601.");
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new WrongUsage("--tls-cert and --tls-key go together.");
  const read = (file: string | undefined) => (file === undefined ? undefined : readSmallFile(file, PEM_BYTES_MAX));
  const [ca, cert, key] = [tlsCa, tlsCert, tlsKey].map(read);
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return { transport: kind, host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port, ...(kind === "tls" && { tls }) };
}

/** The file that `--to` names, if it names one. */
function fileOf(to: string): string | undefined {
  return to.startsWith("file:") ? to.slice("file:".length).replace(/^\/\//, "") : undefined;
}

function openReceiver(
  { stdout }: CliContext,
  to: string,
  server: SyslogServer | undefined,
  storeId: string,
): EventReceiver {
  const json = (event: AuditEvent) => JSON.stringify(eventJson(event));
  if (server !== undefined) {
    const sender = { hostname: hostname(), processId: process.pid, storeId };
    return createSyslogReceiver(server, (event) => syslogMessage(event, json(event), sender));
  }
  if (to === "stdout") return createOutputReceiver(stdout, json);
  const path = fileOf(to) ?? "";
  if (path === "") throw new OperatorError("--to file: needs a path.");
  return createFileReceiver(path, json);
}
