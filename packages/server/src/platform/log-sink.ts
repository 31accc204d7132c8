/**
 * Standard output and standard error of a service. Writing never blocks the process, even if the other end is a pipe whose reader
 * has stalled, a terminal that is stopped or gone, or a full disk. Lines are buffered in memory, up to a bound, and the process can
 * always end.
 *
 * Node's streams don't guarantee that: they write to a terminal synchronously, and a process that exits waits for a write that
 * blocks on the thread pool.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { errorCode } from "./error-code.ts";

/** How many bytes are buffered while the reader is slow; further lines are dropped. */
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;

/** A write of up to this many bytes to a pipe is atomic (PIPE_BUF), so that lines of several processes don't mix. */
const ATOMIC_BYTES = 4096;

/** How soon to retry a full pipe or terminal, in milliseconds. */
const FULL_RETRY_MS = 20;

/** How soon to retry a destination that fails (no space left, input/output error), in milliseconds. */
const FAILED_RETRY_MS = 1000;

/** A destination of lines. */
export interface LogSink {
  /** Writes lines, each with its line break. Never throws, never blocks. */
  write(lines: string): void;
  /**
   * Writes the buffered lines, for at most this long. Then drops the rest, and every later line.
   */
  end(millisecondsMax: number): Promise<void>;
}

/**
 * Opens standard output (1) or standard error (2) for writing without blocking.
 *
 * @param onDropped called with the number of dropped writes, once the reader takes lines again; may write to this sink
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
 * Makes a sink for any destination.
 *
 * @param writeSome writes as much as it can without blocking and returns the number of bytes; throws as `writeSync` does
 * @param onDropped see {@link openLogSink}
 */
export function createLogSink(
  writeSome: (bytes: Uint8Array) => number,
  onDropped: (count: number) => void = () => undefined,
): LogSink & { /** Writes as much as it can without blocking. */ flush(): void } {
  /** Each entry holds whole lines; the first may be partly written. */
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

  /** @returns how long to wait before the next try; `undefined` if something was written */
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
    // Writes of one turn of the event loop are flushed together.
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
 * A non-blocking descriptor for the same destination: a write that would wait fails with EAGAIN. Pipes and terminals are opened
 * again, so that the mode isn't shared with every process that has the original descriptor.
 */
function openWithoutBlocking(standard: 1 | 2): number {
  const kind = fstatSync(standard);
  // A file has no reader to wait for, and opened again it would have a position of its own.
  if (kind.isFile()) return standard;
  try {
    return openSync(`/dev/fd/${standard}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket or another user's pipe can't be opened again. Node's own stream makes such a descriptor non-blocking.
    return (standard === 1 ? process.stdout : process.stderr).fd;
  }
}
