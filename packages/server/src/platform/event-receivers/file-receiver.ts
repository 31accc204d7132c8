/** Receivers of the audit stream: a file, standard output, a syslog server. What is sent when, and again, is in core/feed. */
import { type FileHandle, open, stat } from "node:fs/promises";
import type { EventReceiver } from "../../core/feed/stream-events.ts";
import type { AuditEvent } from "../../core/feed/audit-chain.ts";
import { OperatorError } from "../../core/operator-error.ts";
import { errorCode } from "../error-code.ts";

/** How much of a file's end is read to find where its last line ends. */
const TAIL_BYTES = 1024 * 1024;

/**
 * Appends events to a file, one line each, and flushes them to the disk. If the file was renamed or removed, as by logrotate, the next
 * events go to a new one. A line that was cut off, by a crash or a full disk, is removed before the next one is written. A file that
 * ends with anything else is left as it is: it may be another program's.
 *
 * @param format a JSON object, without the newline
 */
export function createFileReceiver(file: string, format: (event: AuditEvent) => string): EventReceiver {
  let handle: FileHandle | undefined;

  async function openNow(): Promise<FileHandle> {
    if (handle !== undefined && !(await isStillAt(handle, file))) await close();
    if (handle === undefined) {
      handle = await open(file, "a+", 0o640);
      await removePartialLine(handle, file);
    }
    return handle;
  }

  async function close(): Promise<void> {
    const closing = handle;
    handle = undefined;
    await closing?.close();
  }

  return {
    async send(events) {
      const current = await openNow();
      const { size } = await current.stat();
      try {
        await current.appendFile(events.map((event) => `${format(event)}\n`).join(""));
        await current.datasync();
      } catch (error) {
        // So that a full disk leaves no part of a line.
        await current.truncate(size).catch(() => undefined);
        await close().catch(() => undefined);
        throw error;
      }
    },
    close,
  };
}

async function isStillAt(handle: FileHandle, file: string): Promise<boolean> {
  try {
    const [opened, named] = await Promise.all([handle.stat(), stat(file)]);
    return opened.ino === named.ino && opened.dev === named.dev;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** @throws {OperatorError} if the file ends with something that isn't the beginning of an event */
async function removePartialLine(handle: FileHandle, file: string): Promise<void> {
  const stats = await handle.stat();
  // A pipe or a device has no end.
  if (!stats.isFile() || stats.size === 0) return;
  const length = Math.min(stats.size, TAIL_BYTES);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, stats.size - length);
  const end = buffer.lastIndexOf(0x0a) + 1;
  if (end === length) return;
  const isWhole = end > 0 || length === stats.size;
  if (!isWhole || buffer[end] !== 0x7b) {
    throw new OperatorError(`${file} ends with something else than events, and is left as it is. Name another file.`);
  }
  await handle.truncate(stats.size - length + end);
}
