import { constants } from "node:fs";
import { access, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { StreamMemory, StreamPosition } from "../core/feed/stream-events.ts";
import { OperatorError } from "../core/operator-error.ts";
import { errorCode } from "./error-code.ts";

/** The version of the file's format. */
const FORM = 1;

/** Keeps the position of a stream in a file. It is replaced as a whole, so that it is complete after a crash. */
export function openStreamPositionFile(file: string): StreamMemory {
  return {
    async read() {
      let text: string;
      try {
        // With O_NONBLOCK, a pipe reads as empty instead of blocking the process.
        text = await readFile(file, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NONBLOCK });
      } catch (error) {
        if (errorCode(error) === "ENOENT") {
          await requireFolder(file);
          return undefined;
        }
        throw new OperatorError(`The position file ${file} can't be read (${errorCode(error)}).`);
      }
      const position = parsePosition(text);
      if (position !== undefined) return position;
      throw new OperatorError(`${file} isn't a position of an audit stream, or is damaged; name another file.`);
    },
    async write({ storeId, seq, hash }) {
      const partial = join(dirname(file), `.${basename(file)}.${process.pid}.partial`);
      try {
        const handle = await open(partial, "w", 0o600);
        try {
          await handle.writeFile(`${JSON.stringify({ form: FORM, store_id: storeId, seq, hash })}\n`);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(partial, file);
        await syncFolder(dirname(file));
      } finally {
        await rm(partial, { force: true });
      }
    },
  };
}

/** @throws {OperatorError} unless the file can be created */
async function requireFolder(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OperatorError(`The position file ${file} can't be created (${errorCode(error)}).`);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function parsePosition(text: string): StreamPosition | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { form, store_id: storeId, seq, hash } = value as Readonly<Record<string, unknown>>;
  if (form !== FORM || typeof storeId !== "string" || typeof seq !== "number" || typeof hash !== "string")
    return undefined;
  return Number.isSafeInteger(seq) && seq >= 0 && /^[0-9a-f]{64}$/.test(hash) ? { storeId, seq, hash } : undefined;
}
