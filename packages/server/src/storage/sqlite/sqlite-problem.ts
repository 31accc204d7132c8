import { StoreBroken } from "../../core/store/store-broken.ts";

/** The problem of a full disk, which goes away once there is room. */
export const DISK_FULL = "the disk is full";

/** Descriptions of SQLite's primary result codes (sqlite.org/rescode) for problems that aren't a statement's fault. */
const PROBLEMS: ReadonlyMap<number, string> = new Map([
  [3, "its file may not be read or written by this user"],
  [5, "another process holds its write lock"],
  [6, "another process holds its write lock"],
  [7, "there isn't enough memory"],
  [8, "its file, or the file system that it is on, is read-only"],
  [10, "its disk can't be read or written (an I/O error)"],
  [11, "its file is damaged"],
  [13, DISK_FULL],
  [14, "unable to open database file; its folder may be gone or read-only"],
  [23, "its file may not be read or written by this user"],
  [26, "file is not a database"],
]);

/** Extended result codes that say more than their primary one. */
const EXTENDED_PROBLEMS: ReadonlyMap<number, string> = new Map([
  // SQLITE_READONLY_DBMOVED: the file was renamed or deleted under an open connection.
  [1032, "its file was moved or deleted"],
  // SQLITE_IOERR_SHMSIZE: there is no room for the write-ahead log's index, which the first process to open the file creates.
  [4874, DISK_FULL],
]);

const IOERR_SHORT_READ = 522;

/**
 * Describes what keeps SQLite from working, in words that fit after `The store can't be written:`; `undefined` if the statement is
 * at fault.
 */
export function sqliteProblem(error: unknown): string | undefined {
  if (error instanceof StoreBroken) return error.message;
  const code = sqliteCode(error);
  if (code === undefined) return undefined;
  return EXTENDED_PROBLEMS.get(code) ?? PROBLEMS.get(code & 0xff);
}

/** Is this SQLITE_CORRUPT or SQLITE_NOTADB, of any extended kind, or a truncated file (SQLITE_IOERR_SHORT_READ)? */
export function isDamage(error: unknown): boolean {
  const code = primaryCode(error);
  return code === 11 || code === 26 || sqliteCode(error) === IOERR_SHORT_READ;
}

/** Is this SQLITE_BUSY, of any extended kind? */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === 5;
}

function primaryCode(error: unknown): number | undefined {
  const code = sqliteCode(error);
  return code === undefined ? undefined : code & 0xff;
}

/** The extended result code. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) : undefined;
}
