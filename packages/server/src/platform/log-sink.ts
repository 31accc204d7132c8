/**
 * Standard output and standard error of a service. Writing never blocks the process, whatever is at the other end: a pipe
 * whose reader has stalled, a terminal that is stopped or gone, a full disk. Lines wait in memory, bounded, and the process
 * can always end.
 *
 * Node's own streams can't promise that: they write to a terminal synchronously, and a write that blocks on the thread pool is
 * waited for when the process exits.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { errorCode } from "./error-code.ts";

/** Bytes that wait while the reader is slow; lines beyond that are dropped. */
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;

/** A pipe takes this many bytes whole or not at all (PIPE_BUF), so that the lines of several processes don't mix. */
const ATOMIC_BYTES = 4096;

/** How soon a full pipe or terminal is tried again, in milliseconds. */
const FULL_RETRY_MS = 20;

/** How soon a destination that fails (no space left, input/output error) is tried again, in milliseconds. */
const FAILED_RETRY_MS = 1000;

/** Where lines go. */
export interface LogSink {
  /** Takes lines, each with its line end. Never throws, never blocks. */
  write(lines: string): void;
  /**
   * Writes what waits, for at most so many milliseconds. What is left then is given up, and so is the destination: later
   * lines go nowhere.
   */
  end(millisecondsMax: number): Promise<void>;
}

/**
 * Opens standard output (1) or standard error (2) for writing without blocking.
 *
 * @param onDropped told how many writes were dropped, once the reader takes lines again; may write to this sink
 */
export function openLogSink(standard: 1 | 2, onDropped?: (count: number) => void): LogSink {
  const descriptor = openWithoutBlocking(standard);
  const sink = createLogSink((bytes) => writeSync(descriptor, bytes), onDropped);
  process.once("exit", () => {
    sink.flush();
  });
  return sink;
}

/**
 * A sink on any destination.
 *
 * @param writeSome writes what it can without blocking, and returns how many bytes; throws as `writeSync` does
 * @param onDropped see {@link openLogSink}
 */
export function createLogSink(
  writeSome: (bytes: Uint8Array) => number,
  onDropped: (count: number) => void = () => undefined,
): LogSink & { /** Writes what goes without waiting. */ flush(): void } {
  /** Whole lines each, the first perhaps in part. */
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let isGivenUp = false;
  let isScheduled = false;

  function flush(): void {
    while (waiting.length > 0) {
      const retryMs = writeFirst();
      if (retryMs !== undefined) {
        schedule(retryMs);
        return;
      }
    }
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    onDropped(count);
  }

  /** @returns how long to wait before the next try; `undefined` where something was written */
  function writeFirst(): number | undefined {
    const [first] = waiting;
    if (first === undefined) return undefined;
    try {
      const written = writeSome(first);
      waitingBytes -= written;
      if (written === first.length) waiting.shift();
      else waiting[0] = first.subarray(written);
      return undefined;
    } catch (error) {
      return errorCode(error) === "EAGAIN" ? FULL_RETRY_MS : FAILED_RETRY_MS;
    }
  }

  function schedule(milliseconds: number): void {
    if (isScheduled || isGivenUp) return;
    isScheduled = true;
    const run = () => {
      isScheduled = false;
      flush();
    };
    // What is written in one turn of the event loop goes out together.
    if (milliseconds === 0) setImmediate(run).unref();
    else setTimeout(run, milliseconds).unref();
  }

  return {
    write(lines) {
      const bytes = Buffer.from(lines);
      if (isGivenUp) return;
      if (waitingBytes + bytes.length > BUFFERED_BYTES_MAX) {
        dropped++;
        return;
      }
      const last = waiting.at(-1);
      if (waiting.length > 1 && last !== undefined && last.length + bytes.length <= ATOMIC_BYTES) {
        waiting[waiting.length - 1] = Buffer.concat([last, bytes]);
      } else waiting.push(bytes);
      waitingBytes += bytes.length;
      schedule(0);
    },
    flush,
    async end(millisecondsMax) {
      const deadlineMs = performance.now() + millisecondsMax;
      for (;;) {
        flush();
        if (waiting.length === 0 || performance.now() >= deadlineMs) break;
        await pause(FULL_RETRY_MS);
      }
      isGivenUp = true;
      waiting.length = 0;
    },
  };
}

/**
 * A descriptor for the same destination on which a write returns EAGAIN where it would wait. Pipes and terminals are opened
 * anew, so that the setting is this process's own and not that of every process that shares the descriptor.
 */
function openWithoutBlocking(standard: 1 | 2): number {
  const kind = fstatSync(standard);
  // A file never makes a writer wait for a reader, and opened anew it would have a position of its own.
  if (kind.isFile()) return standard;
  try {
    return openSync(`/dev/fd/${standard}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket can't be opened anew, nor can another user's pipe. Node's own stream sets such a descriptor to non-blocking.
    return (standard === 1 ? process.stdout : process.stderr).fd;
  }
}
