import { Worker } from "node:worker_threads";
import { createFairQueue } from "../core/fair-queue.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { KeyExaminer, RegisteredKey } from "../core/keys/weakness/key-examiner.ts";
import { Refusal } from "../core/refusal.ts";
import type { ExaminerAnswer, TaskName } from "./key-examiner-worker.ts";

/** How many keys may wait for their examination, inclusive. An 8192-bit key takes up to a quarter of a second. */
const WAITING_MAX = 64;

/** The longest that one task may take, in milliseconds. The slowest key takes a fraction of it, also on a busy machine. */
const TASK_MS_MAX = 10_000;

/**
 * How many keys of 2048 bits are examined in one task, or as many longer ones as take that long: about a tenth of a second, so that
 * another client's key waits no longer for a part of a long list.
 */
const SLICE_KEYS = 32;
const SLICE_KEY_BYTES = 256;

/** An examiner in a thread of its own, so that no examination delays requests. */
export interface KeyExaminerThread extends KeyExaminer {
  /** Ends the thread. Examinations in progress are refused. */
  close(): Promise<void>;
}

/**
 * Starts the thread when it is first needed. If the thread ends by itself or a task takes too long, the task is refused as
 * `unavailable`, and the next one starts a new thread.
 *
 * @param blocklists paths of the configured blocklists
 * @param onProblem called with why the thread failed, for the log
 * @param taskMsMax the longest that one task may take, in milliseconds; 10 s by default
 */
export function createKeyExaminerThread(
  blocklists: readonly string[],
  onProblem: (problem: unknown) => void = () => undefined,
  taskMsMax = TASK_MS_MAX,
): KeyExaminerThread {
  const queue = createFairQueue({ runningMax: 1, waitingMax: WAITING_MAX });
  let worker: Worker | undefined;
  let through = 0 as KeyId;

  function call<Method extends TaskName>(method: Method, ...args: Parameters<KeyExaminer[Method]>) {
    const thread = (worker ??= start());
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<KeyExaminer[Method]>>>();
    const fail = (cause: unknown) => {
      drop(thread, cause);
      const message = "The key can't be examined right now, and no key is added without that.";
      reject(new Refusal("unavailable", message, { cause, retryAfterSeconds: 1 }));
    };
    const onExit = () => {
      fail(new Error("the thread that examines keys has ended"));
    };
    const timer = setTimeout(() => {
      fail(new Error(`a key's examination took over ${taskMsMax} ms`));
    }, taskMsMax);
    const onMessage = (answer: ExaminerAnswer) => {
      if ("problem" in answer) fail(new Error(answer.problem));
      else resolve(answer.result as Awaited<ReturnType<KeyExaminer[Method]>>);
    };
    thread.once("message", onMessage).once("error", fail).once("exit", onExit);
    thread.postMessage({ method, args });
    return promise.finally(() => {
      clearTimeout(timer);
      thread.off("message", onMessage).off("error", fail).off("exit", onExit);
    });
  }

  function start(): Worker {
    const thread = new Worker(workerUrl(), { workerData: { blocklists }, name: "key-examiner" });
    // A process that has nothing else to do may end, also while the thread waits for keys.
    thread.unref();
    // An error between two tasks must not end the process.
    thread.on("error", (cause) => drop(thread, cause));
    return thread;
  }

  /** The next task starts a new thread, which has learnt nothing. */
  function drop(thread: Worker, cause: unknown): void {
    // One that was closed or dropped already isn't another problem.
    if (worker === thread) {
      onProblem(cause);
      worker = undefined;
      through = 0 as KeyId;
    }
    void thread.terminate();
  }

  return {
    learntThrough: () => through,
    learn: (keys) =>
      queue.run("registry", async () => {
        await call("learn", keys.map(compact));
        through = keys.at(-1)?.id ?? through;
      }),
    forget: () =>
      queue.run("registry", async () => {
        if (worker !== undefined) await call("forget");
        through = 0 as KeyId;
      }),
    examine: (modulus, client) => queue.run(client, () => call("examine", copyOf(modulus), client)),
    async findWeaknesses(moduli, client) {
      const found: Awaited<ReturnType<KeyExaminer["findWeaknesses"]>>[number][] = [];
      for (const slice of slicesOf(moduli)) {
        found.push(...(await queue.run(client, () => call("findWeaknesses", slice.map(copyOf), client))));
      }
      return found;
    },
    compare: (moduli, client) => queue.run(client, () => call("compare", moduli.map(copyOf), client)),
    findSharing: (keys, others) =>
      queue.run("registry", () => call("findSharing", keys.map(compact), others.map(compact))),
    async close() {
      const thread = worker;
      worker = undefined;
      await thread?.terminate();
    },
  };
}

function compact({ id, spki }: RegisteredKey): RegisteredKey {
  return { id, spki: copyOf(spki) };
}

/** A view's whole buffer is copied to the thread, and a database's buffer may be much larger than the key in it. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Cuts a list of moduli into parts that take about as long as {@link SLICE_KEYS}; the time grows with the cube of the length. */
export function slicesOf(moduli: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const slices: Uint8Array[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const modulus of moduli) {
    const cost = (modulus.length / SLICE_KEY_BYTES) ** 3;
    if (size + cost > SLICE_KEYS) {
      slices.push([]);
      size = 0;
    }
    slices.at(-1)?.push(modulus);
    size += cost;
  }
  return slices;
}

/** The worker's module: TypeScript in a checkout, JavaScript in the package. */
function workerUrl(): URL {
  return new URL(`./key-examiner-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}
