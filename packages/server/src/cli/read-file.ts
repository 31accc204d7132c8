import { closeSync, openSync, readSync } from "node:fs";
import { errorCode } from "../platform/error-code.ts";
import { CommandFailed } from "./context.ts";

/**
 * Reads a text file of at most so many bytes, also where its size isn't known before (a pipe, a device).
 *
 * @throws {CommandFailed} where it can't be read, or is larger
 */
export function readTextFile(file: string, bytesMax: number): string {
  const bytes = Buffer.alloc(bytesMax + 1);
  let length = 0;
  try {
    const descriptor = openSync(file, "r");
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(descriptor, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new CommandFailed(`${file} can't be read (${errorCode(error)}).`);
  }
  if (length > bytesMax) throw new CommandFailed(`${file} has over ${bytesMax} bytes; that is no key.`);
  return bytes.toString("utf8", 0, length);
}
