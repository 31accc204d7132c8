import { closeSync, openSync, statSync } from "node:fs";
import { DatabaseSync, type DatabaseSyncOptions } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { StoreBroken } from "../../core/store/store-broken.ts";

/** The database, its write-ahead log, and the index of that, by which processes lock each other out (sqlite.org/wal, §2.2). */
const SUFFIXES = ["", "-wal", "-shm"] as const;

/** How often a file that was exchanged while it was being opened is opened again. */
const TRIES_MAX = 3;

/** A file, whatever its name is by now. */
type FileId = string;

/** The files of a database that is open. */
export interface HeldFiles {
  /**
   * An open database goes on with files that are gone or replaced: this process would neither see the changes of others nor
   * keep its own.
   *
   * @throws {StoreBroken} where the paths don't lead to the files that were opened
   */
  check(): void;
  /** Differs once somebody has written to the database itself: at a checkpoint, or whoever wrote over it in place. */
  version(): string;
}

/** Notes which files an open database has. All of its connections must be open, and one of them must have read. */
export function holdFiles(file: string): HeldFiles {
  const held = SUFFIXES.map((suffix) => ({ path: `${file}${suffix}`, id: fileId(`${file}${suffix}`) }));
  return {
    version() {
      const { mtimeNs, size } = statSync(file, { bigint: true });
      return `${mtimeNs} ${size}`;
    },
    check() {
      for (const { path, id } of held) {
        if (id !== undefined && fileId(path) !== id) {
          throw new StoreBroken("its file was moved, removed or replaced while it was open; restart the service");
        }
      }
    },
  };
}

/** `undefined` where there is no file, or none that may be looked at. */
function fileId(path: string): FileId | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** Opens a database whose file exists; never makes one, as SQLite would. */
export function openExisting(file: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  const url = pathToFileURL(file);
  // sqlite.org/uri, "mode".
  url.searchParams.set("mode", options.readOnly === true ? "ro" : "rw");
  return new DatabaseSync(url, options);
}

/** Makes an empty file, readable by its owner alone, where there is none. */
export function makeFile(file: string): void {
  try {
    // Not opened where it is there: closing it would release the locks of this process's connections (fcntl, F_SETLK).
    closeSync(openSync(file, "wx", 0o600));
  } catch {
    // It is there, or SQLite says why it can't be opened.
  }
}

/**
 * Opens a file by `open`, which names it by its path, as often as needed for the path to lead to one and the same file from
 * before until after.
 */
export async function openUnchanged<Opened extends { close(): Promise<void> }>(
  file: string,
  open: () => Promise<Opened>,
): Promise<Opened> {
  for (let tries = 1; ; tries++) {
    const before = fileId(file);
    const opened = await open();
    if (before !== undefined && fileId(file) === before) return opened;
    await opened.close();
    if (tries === TRIES_MAX) throw new Error("the file is being replaced");
  }
}
