/**
 * The process: environment, standard streams, signals, exit status. Everything else is a parameter of something.
 */
import { userInfo } from "node:os";
import type { CliContext } from "./cli/context.ts";
import { runCommandLine } from "./cli/program.ts";
import { openAdministration, startService, systemSurroundings, VERSION } from "./compose.ts";
import { type Config, parseConfig } from "./config/config.ts";
import { createLog } from "./platform/logger.ts";
import { createCommandLineRedactor } from "./platform/redact.ts";

/** Two signals so close together are one: a terminal and a launcher may both pass it on. */
const SAME_SIGNAL_MS = 100;

const surroundings = systemSurroundings();
let isServing = false;

const context: CliContext = {
  version: VERSION,
  clock: surroundings.clock,
  actor: `cli:${accountName()}`,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  redact: createCommandLineRedactor(),
  config: (flags) => parseConfig(process.env, flags),
  configOfFlags: (flags) => parseConfig({}, flags),
  openAdministration: (config, mayCreate) => openAdministration(config, mayCreate, surroundings),
  serve,
  startQuietService: (config) => startService(config, createLog("silent", []).log, surroundings),
  untilSignal: async () => {
    await signal();
  },
};

// A reader that went away (| head) ends a command quietly; a service goes on. Any other fault of a stream is said in one line.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (isServing || stream === process.stderr) return;
    if (error.code !== "EPIPE") process.stderr.write(`countersign: standard output can't be written (${error.code})\n`);
    process.exit(1);
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), context);
// A connection that a command left open (an idle fetch) must not keep the process.
setTimeout(() => process.exit(), 100).unref();

async function serve(config: Config): Promise<void> {
  isServing = true;
  const secrets = (config.masterSecrets ?? []).flatMap((secret) => [secret.toString("base64"), secret.toString("hex")]);
  const { log, flush } = createLog(config.logLevel, secrets);
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "defect; the process ends");
    void flushAndExit(flush);
  });
  const stopped = signal();
  const service = await startService(config, log, surroundings);
  const { publicUrl, adminUrl, store } = service;
  log.info({ public_url: publicUrl, admin_url: adminUrl, store: store.engine, version: VERSION }, "ready");
  const line = { event: "ready", public_url: publicUrl, admin_url: adminUrl, store: store.engine, pid: process.pid };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  const name = await stopped;
  log.info({ signal: name }, "stopping");
  await service.stop();
  log.info("stopped");
  await flush();
}

/** Waits for SIGTERM, SIGINT or SIGHUP. A further one ends the process at once. */
function signal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(name, () => {
        firstAtMs ??= performance.now();
        if (performance.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(1);
        resolve(name);
      });
    }
  });
}

async function flushAndExit(flush: () => Promise<void>): Promise<never> {
  await flush();
  process.exit(1);
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under an id that has no name.
    return String(process.getuid?.() ?? "unknown");
  }
}
