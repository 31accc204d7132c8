import { existsSync, lstatSync, type Stats, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { DiskFacts } from "../../core/doctor/checks/check-disk.ts";
import type { FileFacts } from "../../core/doctor/checks/check-files.ts";
import { dataFiles } from "../data-folder.ts";
import { isInSharedFolder } from "../unix-socket.ts";
import { checkSecretFolder, checkSecretOwner, readSecretFile, type SecretFileAccess } from "../secret-file.ts";

/**
 * Looks at the data folder as the service does when it starts, and at the modes of the files that SQLite makes.
 *
 * @param sockets paths of the listeners' Unix sockets
 */
export function findFileFacts(
  folder: string,
  access: SecretFileAccess,
  sockets: readonly string[],
): Omit<FileFacts, "isNeeded"> {
  const { database, masterKey, position } = dataFiles(folder);
  const none = {
    folder,
    otherOwner: undefined,
    refused: [],
    open: [],
    exposedSockets: sockets.filter(isInSharedFolder),
    count: 0,
  };
  if (!existsSync(folder)) return { ...none, isThere: false };
  const owner = statSync(folder).uid;
  if (process.getuid?.() === 0 && owner !== 0) return { ...none, isThere: true, otherOwner: owner };
  const ownStore = [database, `${database}-wal`, `${database}-shm`, position];
  const refused = [
    problemOf(folder, () => checkSecretFolder(folder, access)),
    ...ownStore.map((path) => problemOf(path, () => checkSecretOwner(path, access))),
    ...(isThere(masterKey) ? [problemOf(masterKey, () => void readSecretFile(masterKey, access, false))] : []),
  ].filter((problem) => problem !== undefined);
  const forbidden = access === "group" ? 0o007 : 0o077;
  const files = ownStore.flatMap((path) => {
    const stats = entryOf(path);
    return stats === undefined ? [] : [{ path, mode: stats.mode & 0o777 }];
  });
  return {
    ...none,
    isThere: true,
    refused,
    open: files
      .filter(({ mode }) => process.getuid !== undefined && (mode & forbidden) !== 0)
      .map(({ path, mode }) => ({ path, mode: mode.toString(8).padStart(4, "0") })),
    count: files.length + (isThere(masterKey) ? 1 : 0),
  };
}

/** The file system of a folder; `undefined` if the folder doesn't exist. */
export async function findDiskFacts(folder: string): Promise<DiskFacts | undefined> {
  if (!existsSync(folder)) return undefined;
  const { bavail, bsize, files, ffree } = await statfs(folder);
  const storeBytes = entryOf(dataFiles(folder).database)?.size ?? 0;
  return { folder, freeBytes: bavail * bsize, inodes: files, freeInodes: ffree, storeBytes };
}

function problemOf(path: string, check: () => void): { path: string; problem: string } | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return { path, problem: error instanceof Error ? error.message : "can't be checked" };
  }
}

function isThere(path: string): boolean {
  return entryOf(path) !== undefined;
}

function entryOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
