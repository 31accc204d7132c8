import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "../core/surroundings.ts";
import { findMasterSecretProblem } from "../core/signing-keys/master-secret.ts";
import { MASTER_SECRET_BYTES } from "../core/signing-keys/signing-keys.ts";
import { errorCode, errorProblem } from "./error-code.ts";
import {
  checkSecretFolder,
  checkSecretOwner,
  readSecretFile,
  type SecretFileAccess,
  SecretFileError,
} from "./secret-file.ts";
import { OperatorError } from "../core/operator-error.ts";

/** The files in a data folder. */
export function dataFiles(folder: string): {
  readonly database: string;
  readonly masterKey: string;
  readonly position: string;
} {
  return {
    database: join(folder, "countersign.db"),
    masterKey: join(folder, "master.key"),
    position: join(folder, "countersign.position"),
  };
}

/**
 * Makes the data folder if it doesn't exist, with mode 0700, and checks its owner and mode.
 *
 * @throws {OperatorError} if it can't be made, belongs to another user, or other users can write to it
 */
export function ensureDataFolder(folder: string, access: SecretFileAccess): void {
  try {
    if (!existsSync(folder)) {
      makeFolders(folder, 0o700);
      // The umask may have removed permissions.
      chmodSync(folder, 0o700);
    }
  } catch (error) {
    throw new OperatorError(
      `${folder} can't be made or read (${errorProblem(error)}); name another folder in COUNTERSIGN_DATA_DIR`,
    );
  }
  checkDataFolder(folder, access);
}

/** @throws {OperatorError} if the folder holds no store, belongs to another user, or other users can write to it */
export function requireStore(folder: string, access: SecretFileAccess): void {
  if (!existsSync(dataFiles(folder).database)) {
    throw new OperatorError(
      `there is no store in ${folder}; name its folder in COUNTERSIGN_DATA_DIR or --data-dir, or create one with account create`,
    );
  }
  checkDataFolder(folder, access);
}

function checkDataFolder(folder: string, access: SecretFileAccess): void {
  const { database, position } = dataFiles(folder);
  try {
    checkSecretFolder(folder, access);
  } catch (error) {
    throw inFolder(folder, error);
  }
  // Another user may have created one of these files before the folder was protected, and could then read or change it.
  for (const file of [database, `${database}-wal`, `${database}-shm`, position]) {
    try {
      checkSecretOwner(file, access);
    } catch (error) {
      throw inFolder(file, error);
    }
  }
}

function inFolder(path: string, error: unknown): unknown {
  return error instanceof SecretFileError ? new OperatorError(`${path} ${error.message}`) : error;
}

/**
 * Makes a folder with this mode, and its missing parents. With `recursive: true`, Node 26 never returns if the system refuses a new
 * entry in an existing folder, such as /proc.
 */
function makeFolders(folder: string, mode?: number): void {
  const parent = dirname(folder);
  if (!existsSync(parent)) makeFolders(parent);
  try {
    // The mode is set here and not by a later chmod, because a process that starts meanwhile checks it.
    mkdirSync(folder, { mode });
  } catch (error) {
    // Another process may have made the folder meanwhile.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/**
 * Reads the master secret from the data folder.
 *
 * @param mayCreate whether to create a missing one: only if the store has no signing key that derives from another secret
 * @throws {OperatorError} if it is missing and must not be created, malformed, not random, owned by another user, a link, or
 *   accessible to other users
 */
export function readMasterKey(folder: string, access: SecretFileAccess, random: Random, mayCreate: boolean): Buffer {
  const { masterKey } = dataFiles(folder);
  if (!isThere(masterKey)) {
    if (!mayCreate) {
      throw new OperatorError(
        `${masterKey} is missing, and the store's signing keys derive from it; restore it, or set COUNTERSIGN_MASTER_SECRET. If it is lost, countersign store accept makes a new one and ends every token`,
      );
    }
    writeMasterKey(folder, masterKey, random.bytes(MASTER_SECRET_BYTES));
  }
  checkDataFolder(folder, access);
  let text: string;
  try {
    text = readSecretFile(masterKey, access, false);
  } catch (error) {
    throw inFolder(masterKey, error);
  }
  const secret = Buffer.from(text, "base64");
  if (secret.length !== MASTER_SECRET_BYTES || secret.toString("base64") !== text) {
    throw new OperatorError(`${masterKey} is damaged: it must hold ${MASTER_SECRET_BYTES} bytes in base64`);
  }
  const problem = findMasterSecretProblem(secret);
  if (problem !== undefined) throw new OperatorError(`${masterKey} ${problem}`);
  return secret;
}

/** Does the path exist? A dangling link does, and so does an entry that this process may not look at. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/** Writes the file atomically. If another process writes one at the same time, the first to link wins. */
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
      throw new OperatorError(`${masterKey} can't be written (${errorProblem(error)})`);
  } finally {
    rmSync(partial, { force: true });
  }
}
