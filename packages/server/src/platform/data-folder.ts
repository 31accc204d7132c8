import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "../core/surroundings.ts";
import { MASTER_SECRET_BYTES } from "../core/token/signing-keys.ts";
import { errorCode, errorProblem } from "./error-code.ts";

/** The files in a data folder. */
export function dataFiles(folder: string): { readonly database: string; readonly masterKey: string } {
  return { database: join(folder, "countersign.db"), masterKey: join(folder, "master.key") };
}

/** The data folder or the master secret in it isn't as it must be. The message says which file and what to do. */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
}

/** Makes the data folder if it isn't there: readable by this user alone (mode 0700). */
export function ensureDataFolder(folder: string): void {
  try {
    if (existsSync(folder)) {
      if (!statSync(folder).isDirectory())
        throw new DataFolderError(`${folder} is not a folder; name one in COUNTERSIGN_DATA_DIR`);
      return;
    }
    makeFolders(folder);
    chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof DataFolderError) throw error;
    throw new DataFolderError(
      `${folder} can't be made or read (${errorProblem(error)}); name another folder in COUNTERSIGN_DATA_DIR`,
    );
  }
}

/** @throws {DataFolderError} where the folder holds no store */
export function requireStore(folder: string): void {
  if (!existsSync(dataFiles(folder).database)) {
    throw new DataFolderError(
      `there is no store in ${folder}; name its folder in COUNTERSIGN_DATA_DIR or --data-dir, or begin one with account create`,
    );
  }
}

/**
 * Makes a folder and those above it. Not by `recursive: true`, with which Node 26 never returns where the system refuses a
 * name in a folder that is there, as it does in /proc.
 */
function makeFolders(folder: string): void {
  const parent = dirname(folder);
  if (!existsSync(parent)) makeFolders(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process that starts at this moment may have been first.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/**
 * Reads the master secret from the data folder.
 *
 * @param mayCreate whether to make one if there is none: only where the store has no signing key that another one made
 * @throws {DataFolderError} where it is missing and may not be made, malformed, or readable by everybody
 */
export function readMasterKey(folder: string, random: Random, mayCreate: boolean): Buffer {
  const { masterKey } = dataFiles(folder);
  if (!existsSync(masterKey)) {
    if (!mayCreate) {
      throw new DataFolderError(
        `${masterKey} is missing, and the store's signing keys derive from it; restore it, or set COUNTERSIGN_MASTER_SECRET. Where it is lost, countersign store accept makes another one, and ends every token`,
      );
    }
    writeMasterKey(folder, masterKey, random.bytes(MASTER_SECRET_BYTES));
  }
  let text: string;
  try {
    if ((statSync(masterKey).mode & 0o007) !== 0) {
      throw new DataFolderError(`${masterKey} can be read by every user of this machine; run chmod 600 on it`);
    }
    text = readFileSync(masterKey, "utf8").trim();
  } catch (error) {
    if (error instanceof DataFolderError) throw error;
    throw new DataFolderError(`${masterKey} can't be read (${errorCode(error)})`);
  }
  const secret = Buffer.from(text, "base64");
  if (secret.length !== MASTER_SECRET_BYTES || secret.toString("base64") !== text) {
    throw new DataFolderError(`${masterKey} is damaged: it must hold ${MASTER_SECRET_BYTES} bytes in base64`);
  }
  return secret;
}

/** Whole or not at all, even if another process does the same at this moment: whoever links first wins. */
function writeMasterKey(folder: string, masterKey: string, secret: Buffer): void {
  const partial = join(folder, `.master.key.${process.pid}.${Date.now()}.partial`);
  try {
    const descriptor = openSync(partial, "wx", 0o600);
    try {
      writeSync(descriptor, `${secret.toString("base64")}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    linkSync(partial, masterKey);
    const folderDescriptor = openSync(folder, "r");
    try {
      fsyncSync(folderDescriptor);
    } finally {
      closeSync(folderDescriptor);
    }
  } catch (error) {
    if (errorCode(error) !== "EEXIST")
      throw new DataFolderError(`${masterKey} can't be written (${errorProblem(error)})`);
  } finally {
    rmSync(partial, { force: true });
  }
}
