import { closeSync, openSync, statSync } from "node:fs";
import { DatabaseSync, type DatabaseSyncOptions } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { StoreBroken } from "../../core/store/store-broken.ts";

/** The database, its write-ahead log, and the log's index, which holds the locks between processes (sqlite.org/wal, §2.2). */
const SUFFIXES = ["", "-wal", "-shm"] as const;

/** How often opening is tried while the file is replaced meanwhile. */
const TRIES_MAX = 3;

/** Identifies a file regardless of its name. */
type FileId = string;

/** The files of a database that is open. */
export interface HeldFiles {
  /**
   * Checks that the paths still lead to the opened files. SQLite keeps using files that were removed or replaced: this process
   * would then miss other processes' changes and lose its own.
   *
   * @throws {StoreBroken} if a path leads to another file, or to none
   */
  check(): void;
  /** Changes when the database file itself was written to, by a checkpoint or by another program that overwrote it in place. */
  version(): string;
}

/** Records the files of an open database. All its connections must be open, and one of them must have read. */
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

/** `undefined` if the file doesn't exist or can't be examined. */
function fileId(path: string): FileId | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** Opens an existing database. Unlike SQLite by default, it never creates the file. */
export function openExisting(file: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  const url = pathToFileURL(file);
  // sqlite.org/uri, "mode".
  url.searchParams.set("mode", options.readOnly === true ? "ro" : "rw");
  return new DatabaseSync(url, options);
}

/** Creates an empty file that only its owner can read, unless the file exists. */
export function makeFile(file: string): void {
  try {
    // Doesn't open an existing file: closing it would release the locks of this process's connections (fcntl, F_SETLK).
    closeSync(openSync(file, "wx", 0o600));
  } catch {
    // The file exists, or SQLite reports why it can't be opened.
  }
}

/** Opens a file by `open`, which takes its path. Retries until the path leads to the same file before and after opening. */
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
