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

const surroundings = systemSurroundings();

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
  openAdministration: (config) => openAdministration(config, surroundings),
  serve,
  startQuietService: (config) => startService(config, createLog("silent", []).log, surroundings),
  untilSignal: async () => {
    await signal();
  },
};

process.exitCode = await runCommandLine(process.argv.slice(2), context);
// A connection that a command left open (an idle fetch) must not keep the process.
setTimeout(() => process.exit(), 100).unref();

async function serve(config: Config): Promise<void> {
  const secrets = (config.masterSecrets ?? []).flatMap((secret) => [secret.toString("base64"), secret.toString("hex")]);
  const { log, flush } = createLog(config.logLevel, secrets);
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "defect; the process ends");
    flush();
    process.exit(1);
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
  flush();
}

/** Waits for SIGTERM or SIGINT. A further one ends the process at once. */
function signal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.once(name, () => {
        process.once("SIGTERM", () => process.exit(1));
        process.once("SIGINT", () => process.exit(1));
        resolve(name);
      });
    }
  });
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under an id that has no name.
    return String(process.getuid?.() ?? "unknown");
  }
}
