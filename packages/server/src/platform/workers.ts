/**
 * Several processes that serve on the same ports: Node's cluster. The primary process serves nothing itself; it starts the
 * workers, replaces one that dies, passes signals on, and adds up their figures.
 */
import cluster, { type Worker } from "node:cluster";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "./logger.ts";

/** Between a worker's death and its replacement, in milliseconds; doubled with each death that follows soon. */
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 30_000;

/** A worker that lived for longer has shown that it can, in milliseconds. */
const STABLE_MS = 60_000;

/** How long the primary waits for the workers' figures, in milliseconds; one that is stuck must not keep the others'. */
const FIGURES_MS_MAX = 1000;

/** How often a worker tells the primary what it has counted, in milliseconds: what its death loses at most. */
const COUNTERS_MS = 1000;

/** How long a worker that stops waits for the others, in milliseconds; one that is stuck must not keep them from stopping. */
const MEETING_MS_MAX = 1000;

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
  | { readonly kind: "met"; readonly step: string };

/** Workers that are kept running. */
export interface Supervisor {
  /** Resolves when all serve; rejects where one ends before that, with its status. */
  readonly ready: Promise<WorkerReady>;
  /** Passes the signal on, starts no more, and resolves when all have ended. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** A worker ended before it served. Its own standard error says why. */
export class WorkerFailed extends Error {
  override readonly name = "WorkerFailed";
  readonly status: number;

  constructor(status: number) {
    super(`a worker ended with status ${status} before it served`);
    this.status = status;
  }
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
    if (worker.process.stderr !== null) passOnLines(worker.process.stderr, writeErrors);
    // After its last line, which says why it ended.
    worker.process.once("close", (status: number | null, signal: string | null) => {
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
        letMeet(step, workers);
      }
      if (isStopping) return;
      if (!isReady) {
        ready.reject(new WorkerFailed(status ?? 1));
        return;
      }
      deathsInRow = performance.now() - startedAtMs > STABLE_MS ? 0 : deathsInRow + 1;
      const restartMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** deathsInRow);
      log.error({ pid: worker.process.pid, status, signal, restart_ms: restartMs }, "a worker died; it is replaced");
      void pause(restartMs).then(() => {
        if (!isStopping) start();
      });
    });
  }

  function tell(worker: Worker, message: ToWorker): void {
    // It may be ending just now. Without somebody to be told so, the failure would be an error that nobody caught.
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
        letMeet(message.step, workers);
        return;
      }
      default:
        throw new Error("a worker says something that no worker says");
    }
  }

  /** Lets the workers at a step go on once all are there that serve. One that is stopped by itself waits for nobody. */
  function letMeet(step: string, workers: ReadonlySet<Worker>): void {
    if (isStopping) for (const worker of serving) if (!workers.has(worker)) return;
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
      const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
      await Promise.all(
        workers.map(
          (worker) =>
            new Promise<void>((resolve) => {
              worker.process.once("close", () => {
                resolve();
              });
              worker.process.kill(signal);
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
  ready(ready: WorkerReady): void;
  /** Every worker's figures, its own among them. */
  gather(): Promise<readonly unknown[]>;
  /** How this worker's figures are read: all of them, and only those that grow. */
  report(read: () => Promise<unknown>, readCounters: () => Promise<unknown>): void;
  /** Resolves when every worker that serves has come to this step, or a second later. */
  meet(step: string): Promise<void>;
}

/** The channel to the primary; `undefined` in a process that isn't a worker. @param onOrphaned the primary is gone */
export function openWorkerChannel(onOrphaned: () => void): WorkerChannel | undefined {
  if (!cluster.isWorker) return undefined;
  const waiting = new Map<number, (figures: readonly unknown[]) => void>();
  const meetings = new Map<string, () => void>();
  let readFigures: () => Promise<unknown> = () => Promise.resolve([]);
  let nextQuestion = 0;
  const send = (message: FromWorker) => {
    // The primary may be gone, which onOrphaned is told.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  process.once("disconnect", onOrphaned);
  process.on("message", (message: ToWorker) => {
    if (message.kind === "report") {
      void readFigures().then((figures) => {
        send({ kind: "figures", id: message.id, figures });
      });
    } else if (message.kind === "met") meetings.get(message.step)?.();
    else {
      waiting.get(message.id)?.(message.figures);
      waiting.delete(message.id);
    }
  });
  return {
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
      const met = Promise.withResolvers<void>();
      meetings.set(step, met.resolve);
      send({ kind: "arrived", step });
      await Promise.race([met.promise, pause(MEETING_MS_MAX, undefined, { ref: false })]);
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
