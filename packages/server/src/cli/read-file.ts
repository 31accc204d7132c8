import { closeSync, openSync, readSync } from "node:fs";
import { errorCode } from "../platform/error-code.ts";
import { OperatorError } from "../core/operator-error.ts";

/** A longer argument is probably not a file name but a secret, such as the key itself, and isn't repeated. */
const NAME_CHARACTERS_SHOWN_MAX = 200;

/** What an error of the file system means, for people. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder; name a file in it",
  EACCES: "this user isn't allowed to read it",
  EPERM: "this user isn't allowed to read it",
  ENOTDIR: "a part of its path is a file, not a folder",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "no file has so long a name",
  EMFILE: "this process has too many files open",
};

/**
 * Reads a file of at most `bytesMax` bytes, even if its size isn't known in advance (a pipe, a device).
 *
 * @param what what it should hold, for the message
 * @throws {OperatorError} if it can't be read or is larger
 */
export function readSmallFile(file: string, bytesMax: number, what = "a key"): Buffer {
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
    throw unreadable(file, error);
  }
  if (length > bytesMax)
    throw new OperatorError(`${shownName(file)} has over ${bytesMax} bytes, too many for ${what}.`);
  return bytes.subarray(0, length);
}

/** The error of a file that can't be read, in words. @param error of the file system */
export function unreadable(file: string, error: unknown): OperatorError {
  const code = errorCode(error);
  const meaning = MEANINGS[code];
  return new OperatorError(
    `${shownName(file)} can't be read (${code})${meaning === undefined ? "." : `: ${meaning}.`}`,
  );
}

function shownName(file: string): string {
  const isName = file.length <= NAME_CHARACTERS_SHOWN_MAX && !/[\n{<]|-----/.test(file);
  return isName ? file : "The given file";
}
