/**
 * Several worker processes that serve on the same ports, through Node's cluster. The primary process serves nothing itself: it
 * starts the workers, replaces those that die, forwards signals, and adds up metrics.
 */
import cluster, { type Worker } from "node:cluster";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "./logger.ts";
import { OperatorError } from "../core/operator-error.ts";

/** The delay between a worker's death and its replacement, in milliseconds. It doubles with each death in quick succession. */
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 30_000;

/** A worker that ran longer than this, in milliseconds, resets the delay. */
const STABLE_MS = 60_000;

/** How long the primary waits for the workers' figures, in milliseconds. A stuck worker must not block the others' figures. */
const FIGURES_MS_MAX = 1000;

/** How often a worker sends the primary its counters, in milliseconds. Its death loses at most this much counting. */
const COUNTERS_MS = 1000;

/**
 * How long a stopping worker waits for the others in total, in milliseconds. A busy worker needs far less; a stuck one must not use
 * up the time in which the others finish their requests.
 */
const BARRIERS_MS_MAX = 3000;

/**
 * After how many calls of {@link Supervisor.killSilent} without a message in between a worker is killed. Counted in calls and not in
 * time: where the whole machine was paused, all messages are late.
 */
const SILENT_LOOKS_MAX = 3;

/** A worker's message to the primary once it serves. */
export interface WorkerReady {
  /** `null` if another process serves the public listener. */
  readonly publicUrl: string | null;
  /** `null` if another process serves the internal listener. */
  readonly adminUrl: string | null;
  readonly store: string;
}

type FromWorker =
  | ({ readonly kind: "ready" } & WorkerReady)
  | { readonly kind: "gather"; readonly id: number }
  | { readonly kind: "figures"; readonly id: number; readonly figures: unknown }
  | { readonly kind: "counters"; readonly figures: unknown }
  | { readonly kind: "arrived"; readonly step: string };

type ToWorker =
  | { readonly kind: "report"; readonly id: number }
  | { readonly kind: "gathered"; readonly id: number; readonly figures: readonly unknown[] }
  | { readonly kind: "stop"; readonly signal: NodeJS.Signals }
  | { readonly kind: "released"; readonly step: string };

/** Workers that are kept running. */
export interface Supervisor {
  /** Resolves when all workers serve. Rejects with an {@link OperatorError} if one ends before that. */
  readonly ready: Promise<WorkerReady>;
  /** How many workers serve now. */
  servingCount(): number;
  /**
   * Kills serving workers that have sent nothing since the third last call, so that they are replaced: their event loop or their view
   * of the registry is stuck. A healthy worker sends a message every second.
   */
  killSilent(): void;
  /** Forwards the signal, starts no more workers, and resolves when all have ended. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts `count` workers, each of which runs the same command line.
 *
 * @param addUpCounters adds up the counters among several processes' figures; the sum keeps counting processes that have died
 * @param writeErrors takes whole lines that the workers wrote to standard error
 */
export function superviseWorkers(
  count: number,
  log: Logger,
  addUpCounters: (figures: readonly unknown[]) => unknown,
  writeErrors: (lines: string) => void,
): Supervisor {
  // The workers share one listening socket and accept connections themselves. By Node's default the primary accepts them and hands
  // them over; a connection handed to a worker that dies would stay open without an answer.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // Only this process writes to standard error. If that is a socket, all processes that inherit it share its non-blocking mode, and
  // a worker's Node resets the mode when it exits: the others would block in their next write. This call must come after the
  // policy is set, because it freezes the policy.
  cluster.setupPrimary({ stdio: ["inherit", "inherit", "pipe", "ipc"] });
  const ready = Promise.withResolvers<WorkerReady>();
  const serving = new Set<Worker>();
  /** For each serving worker, how often {@link Supervisor.killSilent} has been called since its last message. */
  const silentLooks = new Map<Worker, number>();
  /** The latest figures of each living worker. */
  const latest = new Map<Worker, unknown>();
  let countersOfDead: unknown = addUpCounters([]);
  const gatherings = new Map<
    number,
    { readonly missing: Set<Worker>; readonly figures: Map<Worker, unknown>; done: () => void }
  >();
  /** For each step of a stop, the workers that have reached it. */
  const arrived = new Map<string, Set<Worker>>();
  /** The steps that every worker has reached. */
  const releasedSteps = new Set<string>();
  let isReady = false;
  let isStopping = false;
  let deathsInRow = 0;
  let nextGathering = 0;

  function start(): void {
    const startedAtMs = performance.now();
    const worker = cluster.fork();
    worker.on("message", (message: FromWorker) => {
      receive(worker, message);
    });
    // Without a listener, the error would end the primary and all workers with it.
    worker.on("error", (error) => {
      const { pid } = worker.process;
      log.warn({ pid, err: error }, pid === undefined ? "a worker can't be started" : "a worker can't be reached");
      // No process was created, for lack of descriptors, so none will end.
      if (pid === undefined) end(1, null);
    });
    // The type doesn't say so, but a process that couldn't be created has no streams.
    const stderr = worker.process.stderr as Readable | null | undefined;
    if (stderr) passOnLines(stderr, writeErrors);
    // "close" comes after the worker's last line, which says why it ended.
    worker.process.once("close", end);
    let hasEnded = false;

    function end(status: number | null, signal: string | null): void {
      if (hasEnded) return;
      hasEnded = true;
      serving.delete(worker);
      silentLooks.delete(worker);
      if (latest.has(worker)) countersOfDead = addUpCounters([countersOfDead, latest.get(worker)]);
      latest.delete(worker);
      for (const gathering of gatherings.values()) {
        // From now on its counters are among those of the dead.
        gathering.figures.delete(worker);
        if (gathering.missing.delete(worker)) gathering.done();
      }
      for (const [step, workers] of arrived) {
        workers.delete(worker);
        if (isStopping) releaseStep(step, workers);
      }
      if (isStopping) return;
      if (!isReady) {
        ready.reject(new OperatorError(`a worker ended with status ${status ?? 1} before it served`));
        return;
      }
      deathsInRow = performance.now() - startedAtMs > STABLE_MS ? 0 : deathsInRow + 1;
      const restartMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** deathsInRow);
      log.error({ pid: worker.process.pid, status, signal, restart_ms: restartMs }, "a worker died and is replaced");
      void pause(restartMs).then(() => {
        if (!isStopping) start();
      });
    }
  }

  function send(worker: Worker, message: ToWorker): void {
    // The worker may be ending. Without a callback, a failed send becomes an unhandled 'error' event.
    if (worker.isConnected()) worker.process.send(message, () => undefined);
  }

  function receive(worker: Worker, message: FromWorker): void {
    silentLooks.delete(worker);
    switch (message.kind) {
      case "ready":
        serving.add(worker);
        if (serving.size < count || isReady) return;
        isReady = true;
        ready.resolve({ publicUrl: message.publicUrl, adminUrl: message.adminUrl, store: message.store });
        return;
      case "gather":
        void gather().then((figures) => {
          send(worker, { kind: "gathered", id: message.id, figures });
        });
        return;
      case "figures": {
        note(worker, message.figures);
        const gathering = gatherings.get(message.id);
        if (gathering?.missing.delete(worker) !== true) return;
        gathering.figures.set(worker, message.figures);
        gathering.done();
        return;
      }
      case "counters":
        note(worker, message.figures);
        return;
      case "arrived": {
        const workers = arrived.get(message.step) ?? new Set();
        arrived.set(message.step, workers.add(worker));
        // A worker that stops alone doesn't wait for the others.
        if (!isStopping || releasedSteps.has(message.step)) send(worker, { kind: "released", step: message.step });
        else releaseStep(message.step, workers);
        return;
      }
      default:
        throw new Error("a worker sent an unknown message");
    }
  }

  /** Releases the workers at a step once every serving worker has arrived. */
  function releaseStep(step: string, workers: ReadonlySet<Worker>): void {
    if (releasedSteps.has(step) || ![...serving].every((worker) => workers.has(worker))) return;
    releasedSteps.add(step);
    for (const worker of workers) send(worker, { kind: "released", step });
  }

  function note(worker: Worker, figures: unknown): void {
    // A message may arrive after its worker has ended and its counters were added up.
    if (serving.has(worker)) latest.set(worker, figures);
  }

  /** Collects the figures of every serving worker, and adds the counters of those that have died or don't answer. */
  async function gather(): Promise<readonly unknown[]> {
    const id = nextGathering++;
    const complete = Promise.withResolvers<void>();
    const missing = new Set(serving);
    const figures = new Map<Worker, unknown>();
    const done = () => {
      if (missing.size === 0) complete.resolve();
    };
    gatherings.set(id, { missing, figures, done });
    for (const worker of missing) send(worker, { kind: "report", id });
    done();
    await Promise.race([complete.promise, pause(FIGURES_MS_MAX)]);
    gatherings.delete(id);
    const latestOfStuck = [...missing].flatMap((worker) => (latest.has(worker) ? [latest.get(worker)] : []));
    return [...figures.values(), addUpCounters([countersOfDead, ...latestOfStuck])];
  }

  for (let started = 0; started < count; started++) start();
  return {
    ready: ready.promise,
    servingCount: () => serving.size,
    killSilent() {
      for (const worker of serving) {
        const looks = (silentLooks.get(worker) ?? 0) + 1;
        silentLooks.set(worker, looks);
        if (looks < SILENT_LOOKS_MAX) continue;
        log.error({ pid: worker.process.pid }, "a worker is stuck and is killed");
        worker.process.kill("SIGKILL");
      }
    },
    async stop(signal) {
      isStopping = true;
      // A worker that couldn't be started has no process to wait for.
      const workers = Object.values(cluster.workers ?? {}).flatMap((worker) =>
        worker?.process.pid === undefined ? [] : [worker],
      );
      await Promise.all(
        workers.map(
          (worker) =>
            new Promise<void>((resolve) => {
              worker.process.once("close", () => {
                resolve();
              });
              // The whole process group may have received the signal already, and a second one would end a worker immediately.
              if (serving.has(worker)) send(worker, { kind: "stop", signal });
              else worker.process.kill(signal);
            }),
        ),
      );
    },
  };
}

/** Forwards a stream in whole lines. */
function passOnLines(stream: Readable, write: (lines: string) => void): void {
  let partial = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const end = text.lastIndexOf("\n") + 1;
    if (end > 0) write(partial + text.slice(0, end));
    partial = (end > 0 ? "" : partial) + text.slice(end);
  });
  stream.once("end", () => {
    if (partial !== "") write(`${partial}\n`);
  });
}

/** A worker's connection to its primary. */
export interface WorkerChannel {
  /** Resolves with the primary's signal when the primary asks this worker to stop; with SIGTERM if the primary is gone. */
  readonly stopped: Promise<NodeJS.Signals>;
  ready(ready: WorkerReady): void;
  /** Every worker's figures, including this one's. */
  gather(): Promise<readonly unknown[]>;
  /**
   * Sets how this worker's figures are read: all of them, and only the counters. While it `isStuck`, it doesn't send the counters by
   * itself.
   */
  report(read: () => Promise<unknown>, readCounters: () => Promise<unknown>, isStuck: () => boolean): void;
  /** Resolves when every serving worker has reached this step: within 3 s if one is stuck, immediately if the primary is gone. */
  waitForAll(step: string): Promise<void>;
}

/**
 * The channel to the primary; `undefined` in a process that isn't a worker.
 *
 * @param onGivenUp called if the primary ends while it waits for this worker to stop
 */
export function openWorkerChannel(onGivenUp: () => void): WorkerChannel | undefined {
  if (!cluster.isWorker) return undefined;
  const stopped = Promise.withResolvers<NodeJS.Signals>();
  let isStopping = false;
  const waiting = new Map<number, (figures: readonly unknown[]) => void>();
  const barriers = new Map<string, () => void>();
  let barriersEndAtMs: number | undefined;
  let readFigures: () => Promise<unknown> = () => Promise.resolve([]);
  let nextQuestion = 0;
  const send = (message: FromWorker) => {
    // If the primary is gone, the listener for "disconnect" stops this worker.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  // Keeps Node's cluster from ending this process immediately, in the middle of its requests.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  process.once("disconnect", () => {
    if (isStopping) onGivenUp();
    // Without a primary, nothing else would ask this worker to stop.
    stopped.resolve("SIGTERM");
    for (const release of barriers.values()) release();
  });
  process.on("message", (message: ToWorker) => {
    if (message.kind === "report") {
      void readFigures().then((figures) => {
        send({ kind: "figures", id: message.id, figures });
      });
    } else if (message.kind === "stop") {
      isStopping = true;
      stopped.resolve(message.signal);
    } else if (message.kind === "released") barriers.get(message.step)?.();
    else {
      waiting.get(message.id)?.(message.figures);
      waiting.delete(message.id);
    }
  });
  return {
    stopped: stopped.promise,
    ready: (ready) => {
      send({ kind: "ready", ...ready });
    },
    gather() {
      const id = nextQuestion++;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        send({ kind: "gather", id });
      });
    },
    async waitForAll(step) {
      const nowMs = performance.now();
      barriersEndAtMs ??= nowMs + BARRIERS_MS_MAX;
      const released = Promise.withResolvers<void>();
      barriers.set(step, released.resolve);
      const timeout = setTimeout(released.resolve, Math.max(0, barriersEndAtMs - nowMs));
      if (process.connected) send({ kind: "arrived", step });
      else released.resolve();
      await released.promise;
      clearTimeout(timeout);
    },
    report(read, readCounters, isStuck) {
      readFigures = read;
      setInterval(() => {
        if (isStuck()) return;
        void readCounters().then((figures) => {
          send({ kind: "counters", figures });
        });
      }, COUNTERS_MS).unref();
    },
  };
}
