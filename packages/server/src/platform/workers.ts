/**
 * Several processes that serve on the same ports: Node's cluster. The primary process serves nothing itself; it starts the
 * workers, replaces one that dies, passes signals on, and adds up their figures.
 */
import cluster, { type Worker } from "node:cluster";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "./logger.ts";
import { OperatorError } from "../core/operator-error.ts";

/** Between a worker's death and its replacement, in milliseconds; doubled with each death that follows soon. */
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 30_000;

/** A worker that lived for longer has shown that it can, in milliseconds. */
const STABLE_MS = 60_000;

/** How long the primary waits for the workers' figures, in milliseconds; one that is stuck must not keep the others'. */
const FIGURES_MS_MAX = 1000;

/** How often a worker tells the primary what it has counted, in milliseconds: what its death loses at most. */
const COUNTERS_MS = 1000;

/**
 * How long a worker that stops waits for the others in all, in milliseconds. Much longer than a busy one needs, and short enough that
 * one that is stuck doesn't take the time in which requests end.
 */
const MEETINGS_MS_MAX = 3000;

/** What a worker says once it serves. */
export interface WorkerReady {
  readonly publicUrl: string;
  readonly adminUrl: string;
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
  | { readonly kind: "met"; readonly step: string };

/** Workers that are kept running. */
export interface Supervisor {
  /** Resolves when all serve; rejects where one ends before that, with its status. */
  readonly ready: Promise<WorkerReady>;
  /** Passes the signal on, starts no more, and resolves when all have ended. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts so many workers, each of which runs this very command line again.
 *
 * @param addUpCounters of several processes' figures those that only grow, added up: what stays of processes that have died
 * @param writeErrors takes whole lines that the workers wrote to standard error
 */
export function superviseWorkers(
  count: number,
  log: Logger,
  addUpCounters: (figures: readonly unknown[]) => unknown,
  writeErrors: (lines: string) => void,
): Supervisor {
  // The workers share one listening socket and accept by themselves. Under Node's default the primary accepts and hands each
  // connection over; one that is on its way to a worker that dies stays open without an answer.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // Only this process writes to standard error. Where that is a socket, all who have inherited it share its non-blocking mode, and
  // Node takes that away when it exits: the others would block in their next write. Must come after the policy, which it fixes.
  cluster.setupPrimary({ stdio: ["inherit", "inherit", "pipe", "ipc"] });
  const ready = Promise.withResolvers<WorkerReady>();
  const serving = new Set<Worker>();
  /** The last that each living worker said of its figures. */
  const latest = new Map<Worker, unknown>();
  let countersOfDead: unknown = addUpCounters([]);
  const gatherings = new Map<
    number,
    { readonly missing: Set<Worker>; readonly figures: Map<Worker, unknown>; done: () => void }
  >();
  /** For each step of a stop, the workers that have come to it. */
  const arrived = new Map<string, Set<Worker>>();
  /** The steps to which all have come. */
  const metSteps = new Set<string>();
  let isReady = false;
  let isStopping = false;
  let deathsInRow = 0;
  let nextGathering = 0;

  function start(): void {
    const startedAtMs = performance.now();
    const worker = cluster.fork();
    worker.on("message", (message: FromWorker) => {
      hear(worker, message);
    });
    // Without a listener this would end the primary, and all workers with it.
    worker.on("error", (error) => {
      const { pid } = worker.process;
      log.warn({ pid, err: error }, pid === undefined ? "a worker can't be started" : "a worker can't be reached");
      // For want of descriptors no process was made, and none will end.
      if (pid === undefined) end(1, null);
    });
    // The type knows nothing of a process that couldn't be made.
    const stderr = worker.process.stderr as Readable | null | undefined;
    if (stderr) passOnLines(stderr, writeErrors);
    // After its last line, which says why it ended.
    worker.process.once("close", end);
    let hasEnded = false;

    function end(status: number | null, signal: string | null): void {
      if (hasEnded) return;
      hasEnded = true;
      serving.delete(worker);
      if (latest.has(worker)) countersOfDead = addUpCounters([countersOfDead, latest.get(worker)]);
      latest.delete(worker);
      for (const gathering of gatherings.values()) {
        // What it counted is among the dead ones' from now on.
        gathering.figures.delete(worker);
        if (gathering.missing.delete(worker)) gathering.done();
      }
      for (const [step, workers] of arrived) {
        workers.delete(worker);
        if (isStopping) letMeet(step, workers);
      }
      if (isStopping) return;
      if (!isReady) {
        ready.reject(new OperatorError(`a worker ended with status ${status ?? 1} before it served`));
        return;
      }
      deathsInRow = performance.now() - startedAtMs > STABLE_MS ? 0 : deathsInRow + 1;
      const restartMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** deathsInRow);
      log.error({ pid: worker.process.pid, status, signal, restart_ms: restartMs }, "a worker died; it is replaced");
      void pause(restartMs).then(() => {
        if (!isStopping) start();
      });
    }
  }

  function tell(worker: Worker, message: ToWorker): void {
    // It may be ending. Without a callback, a failed send becomes an unhandled 'error' event.
    if (worker.isConnected()) worker.process.send(message, () => undefined);
  }

  function hear(worker: Worker, message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        serving.add(worker);
        if (serving.size < count || isReady) return;
        isReady = true;
        ready.resolve({ publicUrl: message.publicUrl, adminUrl: message.adminUrl, store: message.store });
        return;
      case "gather":
        void gather().then((figures) => {
          tell(worker, { kind: "gathered", id: message.id, figures });
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
        // A worker that is stopped alone doesn't wait for the others.
        if (!isStopping || metSteps.has(message.step)) tell(worker, { kind: "met", step: message.step });
        else letMeet(message.step, workers);
        return;
      }
      default:
        throw new Error("a worker says something that no worker says");
    }
  }

  /** Releases the workers at a step once every serving worker has arrived. */
  function letMeet(step: string, workers: ReadonlySet<Worker>): void {
    if (metSteps.has(step) || ![...serving].every((worker) => workers.has(worker))) return;
    metSteps.add(step);
    for (const worker of workers) tell(worker, { kind: "met", step });
  }

  function note(worker: Worker, figures: unknown): void {
    // A message may still come from one that has ended; what it counted is added up already.
    if (serving.has(worker)) latest.set(worker, figures);
  }

  /** Asks every worker that serves for its figures, and adds the counters of those that died or don't answer. */
  async function gather(): Promise<readonly unknown[]> {
    const id = nextGathering++;
    const complete = Promise.withResolvers<void>();
    const missing = new Set(serving);
    const figures = new Map<Worker, unknown>();
    const done = () => {
      if (missing.size === 0) complete.resolve();
    };
    gatherings.set(id, { missing, figures, done });
    for (const worker of missing) tell(worker, { kind: "report", id });
    done();
    await Promise.race([complete.promise, pause(FIGURES_MS_MAX)]);
    gatherings.delete(id);
    const ofStuck = [...missing].flatMap((worker) => (latest.has(worker) ? [latest.get(worker)] : []));
    return [...figures.values(), addUpCounters([countersOfDead, ...ofStuck])];
  }

  for (let started = 0; started < count; started++) start();
  return {
    ready: ready.promise,
    async stop(signal) {
      isStopping = true;
      // One that couldn't be started has no process to wait for.
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
              // The whole process group may have had the signal already: a second one would end a worker at once.
              if (serving.has(worker)) tell(worker, { kind: "stop", signal });
              else worker.process.kill(signal);
            }),
        ),
      );
    },
  };
}

/** Passes on what a stream brings, in whole lines. */
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

/** What a worker has of its primary. */
export interface WorkerChannel {
  /** Resolves when the primary says so, with the signal that it had; with SIGTERM where the primary is gone. */
  readonly stopped: Promise<NodeJS.Signals>;
  ready(ready: WorkerReady): void;
  /** Every worker's figures, its own among them. */
  gather(): Promise<readonly unknown[]>;
  /** How this worker's figures are read: all of them, and only those that grow. */
  report(read: () => Promise<unknown>, readCounters: () => Promise<unknown>): void;
  /** Resolves when every worker that serves has come to this step; at once where the primary is gone, and where one is stuck within 3 s. */
  meet(step: string): Promise<void>;
}

/**
 * The channel to the primary; `undefined` in a process that isn't a worker.
 *
 * @param onGivenUp the primary ended while it waited for this worker to stop
 */
export function openWorkerChannel(onGivenUp: () => void): WorkerChannel | undefined {
  if (!cluster.isWorker) return undefined;
  const stopped = Promise.withResolvers<NodeJS.Signals>();
  let isStopping = false;
  const waiting = new Map<number, (figures: readonly unknown[]) => void>();
  const meetings = new Map<string, () => void>();
  let meetUntilMs: number | undefined;
  let readFigures: () => Promise<unknown> = () => Promise.resolve([]);
  let nextQuestion = 0;
  const send = (message: FromWorker) => {
    // The primary may be gone; the listener for "disconnect" sees to that.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  // Node's cluster would end this process at once, in the middle of its requests.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  process.once("disconnect", () => {
    if (isStopping) onGivenUp();
    // Without a primary nothing would end it: it stops as if it had been told to.
    stopped.resolve("SIGTERM");
    for (const goOn of meetings.values()) goOn();
  });
  process.on("message", (message: ToWorker) => {
    if (message.kind === "report") {
      void readFigures().then((figures) => {
        send({ kind: "figures", id: message.id, figures });
      });
    } else if (message.kind === "stop") {
      isStopping = true;
      stopped.resolve(message.signal);
    } else if (message.kind === "met") meetings.get(message.step)?.();
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
    async meet(step) {
      const nowMs = performance.now();
      meetUntilMs ??= nowMs + MEETINGS_MS_MAX;
      const met = Promise.withResolvers<void>();
      meetings.set(step, met.resolve);
      const timeout = setTimeout(met.resolve, Math.max(0, meetUntilMs - nowMs));
      if (process.connected) send({ kind: "arrived", step });
      else met.resolve();
      await met.promise;
      clearTimeout(timeout);
    },
    report(read, readCounters) {
      readFigures = read;
      setInterval(() => {
        void readCounters().then((figures) => {
          send({ kind: "counters", figures });
        });
      }, COUNTERS_MS).unref();
    },
  };
}
