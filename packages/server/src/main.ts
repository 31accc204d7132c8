/**
 * The process: environment, standard streams, signals, exit status. All other code gets these as parameters.
 */
import { hostname, userInfo } from "node:os";
import { Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { CliContext } from "./cli/context.ts";
import { credentialsFile, namesStore } from "./config/command-line-place.ts";
import { runCommandLine } from "./cli/program.ts";
import { systemSurroundings, VERSION } from "./compose/surroundings.ts";
import { type Config, type Flags, parseConfig, passwordNotice, platformNotice, readConfig } from "./config/config.ts";
import { secretsOf } from "./config/secrets-of.ts";
import type { TelemetrySettings } from "./config/telemetry.ts";
import type { StoreOpening } from "./core/store-identity/position.ts";
import type { Telemetry } from "./core/tracer.ts";
import type { Logger } from "./platform/logger.ts";
import { type LogSink, openLogSink } from "./platform/log-sink.ts";
import { watchPackageRunner } from "./platform/npm-parent.ts";
import { createCommandLineRedactor } from "./platform/redact.ts";
import type { WorkerChannel, WorkerReady } from "./platform/workers.ts";
import type { ServiceManager } from "./platform/service-manager.ts";

/** Two signals this close together, in milliseconds, count as one: a terminal and a launcher may both forward it. */
const SAME_SIGNAL_MS = 100;

/** How long the process waits at its end for the last lines to be written, in milliseconds. */
const FLUSH_MS_MAX = 1000;

/** How long the process waits at its end for its service manager, in milliseconds. */
const TELL_MS_MAX = 5000;

const surroundings = systemSurroundings();

/** A checkout isn't installed. npm sets the variable for what it runs: npx, and the scripts of a package. */
const PROGRAM_NAME =
  process.env["npm_command"] === undefined && !import.meta.url.endsWith(".ts") ? "countersign" : "npx countersign";

/** On a terminal, unless a level is configured: a banner greets people, and a line for each request would bury it. */
const LOG_LEVEL = "COUNTERSIGN_LOG_LEVEL";
const QUIET_LEVEL = "warn";

/** Does a person read this process's standard error? Set once this process serves. */
let isForPeople = false;

/** The sinks of a service, set once this process serves. */
let service: { readonly stdout: LogSink; readonly stderr: LogSink } | undefined;

/** Loads what opens a store. `--help` and commands that only speak HTTP don't need it. */
const loadStoreCommands = () => import("./compose/command-line.ts");

const END_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGHUP"];

const context: CliContext = {
  version: VERSION,
  programName: PROGRAM_NAME,
  clock: surroundings.clock,
  random: surroundings.random,
  actor: `cli:${accountName()}`,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (service === undefined) process.stderr.write(chunk);
        else service.stderr.write(chunk.toString());
        done();
      },
    }),
    { isTTY: process.stderr.isTTY },
  ),
  redact: createCommandLineRedactor(),
  hostName: hostname(),
  credentialsFile: credentialsFile(process.env),
  environmentNamesStore: namesStore(process.env),
  pause: (milliseconds) => pause(milliseconds),
  config: (flags) => parseConfig(process.env, flags),
  configOfFlags: (flags) => parseConfig({}, flags),
  describeRelease: async () => ({ ...(await import("./compose/release.ts")).describeRelease() }),
  findNames: async (config, kind, prefix) => (await import("./compose/find-names.ts")).findNames(config, kind, prefix),
  openAdministration: async (config, opening) =>
    (await loadStoreCommands()).openAdministration(config, opening, surroundings),
  loadAnswerSchema: async (id) => (await import("./compose/answer-schemas.ts")).loadAnswerSchema(id),
  acceptStore: async (config) => (await loadStoreCommands()).acceptConfiguredStore(config, context.actor, surroundings),
  copyStore: async (config, targetUrl) => (await loadStoreCommands()).copyConfiguredStore(config, targetUrl),
  diagnose: async (flags, ntp) => {
    const { diagnose } = await import("./compose/doctor/diagnose.ts");
    const { env: environment } = process;
    return diagnose({ reading: readConfig(environment, flags), environment, flags, ntp }, surroundings);
  },
  serve,
  startQuietService: async (config) => {
    const [{ startService }, { createLog }] = await Promise.all([
      import("./compose/service.ts"),
      import("./platform/logger.ts"),
    ]);
    return startService(
      config,
      createLog("silent", [], () => undefined),
      surroundings,
    );
  },
  makeSetupLink: async (config, adminUrl) => (await loadStoreCommands()).makeSetupLink(config, adminUrl, surroundings),
  untilSignal: async ({ hangupEnds } = { hangupEnds: true }) => {
    if (!hangupEnds) process.on("SIGHUP", () => undefined);
    await signal(hangupEnds ? END_SIGNALS : END_SIGNALS.filter((name) => name !== "SIGHUP"));
  },
};

// A command ends quietly if the reader of its output is gone (| head). Any other stream error is reported in one line.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (stream === process.stderr) return;
    if (error.code !== "EPIPE") process.stderr.write(`countersign: standard output can't be written (${error.code})\n`);
    process.exit(1);
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), context);
if (service !== undefined) {
  await endOutput();
  process.exit();
}
// Wait for a slow reader of the output, but not for a connection that the command left open (an idle fetch).
process.stdout.write("", () => setTimeout(() => process.exit(), 100).unref());

async function serve(config: Config, opening: StoreOpening, flags: Flags): Promise<void> {
  const [{ openWorkerChannel }, { createLog }] = await Promise.all([
    import("./platform/workers.ts"),
    import("./platform/logger.ts"),
  ]);
  const channel = openWorkerChannel(() => process.exit(1));
  isForPeople = channel === undefined && process.stderr.isTTY;
  const isQuiet = isForPeople && flags["logLevel"] === undefined && process.env[LOG_LEVEL] === undefined;
  // Workers read their level from the environment.
  if (isQuiet) process.env[LOG_LEVEL] = QUIET_LEVEL;
  const isServing = config.workers === 1 || channel !== undefined;
  const telemetrySettings = await readTelemetrySettings();
  let telemetry: Telemetry | undefined;
  const stderr = openLogSink(2, (count) => {
    log.warn({ count }, "log lines were dropped: the reader of standard error was too slow");
  });
  service = { stdout: openLogSink(1), stderr };
  const log = createLog(
    isQuiet ? QUIET_LEVEL : config.logLevel,
    [...secretsOf(config), ...(telemetrySettings?.secrets ?? [])],
    (line) => {
      stderr.write(line);
    },
    channel === undefined ? {} : { worker: process.pid },
    telemetrySettings?.traces && (() => telemetry?.tracer?.currentIds() ?? {}),
  );
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "uncaught exception; the process ends");
    void endDefective();
  });
  // Node's own listener writes to standard error synchronously.
  process.removeAllListeners("warning").on("warning", (warning) => {
    log.warn({ err: warning }, "warning from the runtime");
  });
  if (channel === undefined) {
    for (const notice of [passwordNotice(flags), platformNotice(process.env)])
      if (notice !== undefined) log.warn(notice);
    for (const problem of telemetrySettings?.problems ?? []) log.warn(problem);
  }
  if (telemetrySettings !== undefined && isServing) {
    const { openTelemetry } = await import("./platform/telemetry/open-telemetry.ts");
    telemetry = await openTelemetry(telemetrySettings, VERSION, log);
  }
  const manager = channel === undefined ? await connectServiceManager(log) : undefined;
  const stopped = channel === undefined ? signal() : Promise.race([signal(), channel.stopped]);
  if (isServing) await serveUntil(stopped, config, opening, log, channel, manager, telemetry);
  else await superviseUntil(stopped, config, opening, log, manager);
  await telemetry?.stop();
  log.info("stopped");
}

/** OpenTelemetry's variables. Without any, nothing is loaded. */
async function readTelemetrySettings(): Promise<TelemetrySettings | undefined> {
  if (!Object.keys(process.env).some((name) => name.startsWith("OTEL_"))) return undefined;
  const { parseTelemetry } = await import("./config/telemetry.ts");
  return parseTelemetry(process.env);
}

/** Takes the service manager's variables out of the environment, so that no child process speaks for this one. */
async function connectServiceManager(log: Logger): Promise<ServiceManager | undefined> {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH } = process.env;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete process.env[name];
  if (NOTIFY_SOCKET === undefined) return undefined;
  const { createServiceManager, createSystemdNotify, readNotifyEnvironment } = await import(
    "./platform/service-manager.ts"
  );
  const given = readNotifyEnvironment({ NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }, [process.pid, process.ppid]);
  if (given === undefined) return undefined;
  return createServiceManager(given, createSystemdNotify(given, PATH), (error) => {
    log.warn({ err: error }, "the service manager can't be told how this service is doing");
  });
}

/** Waits for the service manager to read that the service stops: nothing could tell it afterwards. */
async function untilTold(told: Promise<void> | undefined): Promise<void> {
  if (told !== undefined) await Promise.race([told, pause(TELL_MS_MAX)]);
}

async function endDefective(): Promise<never> {
  await endOutput();
  process.exit(1);
}

/** Writes the service's last lines, for at most {@link FLUSH_MS_MAX} on each stream. */
async function endOutput(): Promise<void> {
  await Promise.all([service?.stdout.end(FLUSH_MS_MAX), service?.stderr.end(FLUSH_MS_MAX)]);
}

/** Serves from this process until `stopped` resolves. */
async function serveUntil(
  stopped: Promise<NodeJS.Signals>,
  config: Config,
  opening: StoreOpening,
  log: Logger,
  channel: WorkerChannel | undefined,
  manager: ServiceManager | undefined,
  telemetry: Telemetry | undefined,
): Promise<void> {
  const { startService } = await import("./compose/service.ts");
  const starting = startService(config, log, surroundings, channel, opening, telemetry);
  const first = await Promise.race([starting, stopped]);
  // The service may still be waiting for its store.
  if (typeof first === "string") {
    log.info({ signal: first }, "stopping before the service was ready");
    return;
  }
  const { store } = first;
  const { publicUrl, adminUrl } = first.served;
  log.info({ public_url: publicUrl, admin_url: adminUrl, store: store.engine, version: VERSION }, "ready");
  if (channel === undefined) {
    await printReady(config, { publicUrl, adminUrl, store: store.engine }, log);
  } else channel.ready({ publicUrl, adminUrl, store: store.engine });
  manager?.ready(() => first.state());
  log.info({ signal: await stopped }, "stopping");
  const told = manager?.stopping();
  await first.stop();
  await untilTold(told);
}

/** Serves from worker processes until `stopped` resolves. */
async function superviseUntil(
  stopped: Promise<NodeJS.Signals>,
  config: Config,
  opening: StoreOpening,
  log: Logger,
  manager: ServiceManager | undefined,
): Promise<void> {
  const [{ prepareStore }, { prepareSockets }, { superviseWorkers }, { addUpCounters }] = await Promise.all([
    import("./compose/open-registry.ts"),
    import("./compose/sockets.ts"),
    import("./platform/workers.ts"),
    import("./http/server/metrics.ts"),
  ]);
  await prepareStore(config, opening, surroundings);
  await prepareSockets(config);
  const supervisor = superviseWorkers(config.workers, log, addUpCounters, (lines) => service?.stderr.write(lines));
  try {
    const first = await Promise.race([supervisor.ready, stopped]);
    if (typeof first !== "string") {
      await printReady(config, first, log);
      manager?.ready(() => {
        if (manager.hasWatchdog) supervisor.killSilent();
        const status = `serving ${first.publicUrl ?? first.adminUrl} by ${supervisor.servingCount()} of ${config.workers} workers`;
        return { status, isStuck: false };
      });
    }
    const name = await stopped;
    log.info({ signal: name, workers: config.workers }, "stopping");
    const told = manager?.stopping();
    await supervisor.stop(name);
    await untilTold(told);
  } catch (error) {
    await supervisor.stop("SIGTERM");
    throw error;
  }
}

/**
 * Prints the ready line on standard output. Before it, if the store has no operator, the link with which the first owner signs up goes
 * to standard error; it bypasses the log, which redacts secrets and can be silent. A person at a terminal is greeted instead.
 */
async function printReady(config: Config, ready: WorkerReady, log: Logger): Promise<void> {
  const { publicUrl, adminUrl, store } = ready;
  const setup = adminUrl === null ? undefined : await makeSetupLink(config, adminUrl, log);
  if (setup !== undefined && !isForPeople) {
    const line = { event: "setup", setup_url: setup.url, expires_at: new Date(setup.expiresAtMs).toISOString() };
    service?.stderr.write(`${JSON.stringify(line)}\n`);
  }
  const line = { event: "ready", public_url: publicUrl, admin_url: adminUrl, store, pid: process.pid };
  service?.stdout.write(`${JSON.stringify(line)}\n`);
  if (isForPeople) service?.stderr.write(await formatBanner(config, ready, setup));
}

async function formatBanner(
  config: Config,
  { publicUrl, adminUrl }: WorkerReady,
  setup: Awaited<ReturnType<CliContext["makeSetupLink"]>>,
): Promise<string> {
  const [{ formatServeBanner }, { createOrigins }] = await Promise.all([
    import("./cli/serve-banner.ts"),
    import("./http/admin/http/origins.ts"),
  ]);
  const users = await context.findNames(config, "user", "").catch(() => undefined);
  const served = {
    version: VERSION,
    publicUrl,
    consoleUrl: adminUrl === null ? null : createOrigins(config.adminUrl, adminUrl).consoleUrl,
    config,
    setup,
    isEmpty: users?.length === 0,
    programName: PROGRAM_NAME,
    isQuiet: process.env[LOG_LEVEL] === QUIET_LEVEL,
  };
  return formatServeBanner(served, surroundings.clock, process.stderr.hasColors() && !process.env["NO_COLOR"]);
}

async function makeSetupLink(config: Config, adminUrl: string, log: Logger) {
  return context.makeSetupLink(config, adminUrl).catch((error: unknown) => {
    log.error({ err: error }, "the set-up link can't be made; the next start tries again");
    return undefined;
  });
}

/** Resolves with the first SIGTERM, SIGINT or SIGHUP. A later one ends the process immediately, with status 1. */
function signal(names = END_SIGNALS): Promise<NodeJS.Signals> {
  watchPackageRunner(() => process.kill(process.pid, "SIGTERM"));
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    for (const name of names) {
      process.on(name, () => {
        firstAtMs ??= performance.now();
        if (performance.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(1);
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
