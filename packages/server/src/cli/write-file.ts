import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";
import { OperatorError } from "../core/operator-error.ts";
import { errorCode, errorProblem } from "../platform/error-code.ts";

/**
 * Writes a new file that only its owner can read, and flushes it to disk. On failure no file is left.
 *
 * @throws {OperatorError} if it exists already or can't be written
 */
export function writeNewFile(file: string, text: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (error) {
    if (errorCode(error) === "EEXIST")
      throw new OperatorError(`${file} already exists and isn't overwritten. Name another file.`);
    throw new OperatorError(`${file} can't be written (${errorProblem(error)}).`);
  }
  try {
    // Unlike writeSync, this continues until everything is written.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(file, { force: true });
    throw new OperatorError(`${file} can't be written (${errorProblem(error)}).`);
  } finally {
    closeSync(descriptor);
  }
}
