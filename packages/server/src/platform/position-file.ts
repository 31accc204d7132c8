import { constants, existsSync, readFileSync, rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PositionMemory } from "../core/store-identity/keep-position.ts";
import type { RememberedEvent, StorePosition } from "../core/store-identity/position.ts";
import { dataFiles } from "./data-folder.ts";
import { errorCode } from "./error-code.ts";
import { OperatorError } from "../core/operator-error.ts";

/** The version of the file's format. A file with another version comes from another release. */
const FORM = 1;

/** Far more than a position needs. */
const BYTES_MAX = 1024 * 1024;

/** A store's position, remembered in the data folder. */
export interface PositionFile extends PositionMemory {
  /** Does the file exist? */
  exists(): boolean;
  forget(): void;
}

/**
 * Remembers a store's position in the data folder's file `countersign.position`, even if the store itself is elsewhere. If the
 * folder doesn't exist, the position is kept only in memory.
 */
export function openPositionFile(folder: string): PositionFile {
  const { position: file } = dataFiles(folder);
  let inMemory: StorePosition | undefined;
  return {
    exists: () => existsSync(file),
    forget() {
      inMemory = undefined;
      rmSync(file, { force: true });
    },
    read() {
      if (!existsSync(file)) return inMemory;
      let text: string;
      try {
        // With O_NONBLOCK, a pipe reads as empty instead of blocking the process.
        text = readFileSync(file, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NONBLOCK });
      } catch (error) {
        throw new OperatorError(`${file} can't be read (${errorCode(error)}); it records the store's last position`);
      }
      const position = parsePosition(text);
      if (position !== undefined) return position;
      throw new OperatorError(
        `${file} is damaged, or was written by a newer release; it records the store's last position. Restore it, or remove it and run countersign store accept`,
      );
    },

    async write(position) {
      inMemory = position;
      if (!existsSync(folder)) return;
      const partial = join(folder, `.countersign.position.${process.pid}.partial`);
      try {
        const handle = await open(partial, "w", 0o600);
        try {
          await handle.writeFile(`${JSON.stringify({ form: FORM, ...position })}\n`);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(partial, file);
      } finally {
        await rm(partial, { force: true });
      }
    },
  };
}

/** `undefined` if the text isn't a position. */
function parsePosition(text: string): StorePosition | undefined {
  if (text.length > BYTES_MAX) return undefined;
  let value: Partial<Record<keyof StorePosition | "form", unknown>>;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  const { form, storeId, ids, events } = value ?? {};
  if (form !== FORM || typeof storeId !== "string" || !Array.isArray(events)) return undefined;
  if (typeof ids !== "object" || ids === null || !Object.values(ids).every((id) => Number.isSafeInteger(id)))
    return undefined;
  if (!events.every(isRememberedEvent)) return undefined;
  return { storeId, ids: ids as StorePosition["ids"], events };
}

function isRememberedEvent(value: unknown): value is RememberedEvent {
  if (typeof value !== "object" || value === null) return false;
  const { seq, hash, atMs, action, subject } = value as Partial<Record<keyof RememberedEvent, unknown>>;
  return (
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(atMs) &&
    [hash, action, subject].every((text) => typeof text === "string")
  );
}
