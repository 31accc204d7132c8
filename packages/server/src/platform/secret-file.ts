/**
 * Which files and folders may hold secrets: one rule for `master.key`, for every file that a `…_FILE` names, and for the data
 * folder. What counts is the file that was opened, not what its name led to a moment before.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { errorCode } from "./error-code.ts";

/**
 * Who may read secrets besides this process's user and root. `group`: a group of this process, whatever the file's owner, as on
 * a Kubernetes volume with fsGroup; there, a file that a `…_FILE` names may be a link of root's.
 */
export type SecretFileAccess = "owner" | "group";

/** A file or folder isn't as it must be. The message says how it is and how it must be, without its name. */
export class SecretFileError extends Error {
  override readonly name = "SecretFileError";
  /** Whether the system refused to open or read it. */
  readonly isUnreadable: boolean;

  constructor(message: string, isUnreadable = false) {
    super(message);
    this.isUnreadable = isUnreadable;
  }
}

const BYTES_MAX = 65_536;

/** Names the setting, for those whose platform shares files by group. */
const GROUP_ADVICE =
  "where a group shares it by design (Kubernetes' fsGroup), set COUNTERSIGN_SECRET_FILE_ACCESS=group";

/**
 * Reads a secret's file, without white space around it. Never waits: not for a pipe, a device or a terminal.
 *
 * @param mayBeLink whether the name may be a link of this user's or root's. Never in a folder that this process writes to.
 * @throws {SecretFileError} where it can't be read, isn't a file, has over 64 KiB, belongs to another user, or is open to
 *   others
 */
export function readSecretFile(file: string, access: SecretFileAccess, mayBeLink: boolean): string {
  const descriptor = open(file, mayBeLink);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new SecretFileError(`is ${kindOf(stats)}; name a regular file`);
    checkAccess(stats, access, "read");
    return readText(descriptor).trim();
  } catch (error) {
    throw asSecretFileError(error);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Checks the folder in which the store and its master secret are: another user must not be able to put files there.
 *
 * @throws {SecretFileError}
 */
export function checkSecretFolder(folder: string, access: SecretFileAccess): void {
  try {
    refuseForeignLink(folder);
    const stats = statSync(folder);
    if (!stats.isDirectory()) throw new SecretFileError("is not a folder; name one in COUNTERSIGN_DATA_DIR");
    checkAccess(stats, access, "write");
  } catch (error) {
    throw asSecretFileError(error);
  }
}

/**
 * Checks whose a file is, if it is there; what others may do with it is for its opener.
 *
 * @throws {SecretFileError}
 */
export function checkSecretOwner(file: string, access: SecretFileAccess): void {
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return;
    refuseForeignLink(file);
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats !== undefined) checkOwner(stats, access);
  } catch (error) {
    throw asSecretFileError(error);
  }
}

function open(file: string, mayBeLink: boolean): number {
  try {
    if (mayBeLink) refuseForeignLink(file);
    const noFollow = mayBeLink ? 0 : constants.O_NOFOLLOW;
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | noFollow);
  } catch (error) {
    if (errorCode(error) === "ELOOP") throw new SecretFileError("is a symbolic link; a regular file is needed");
    throw asSecretFileError(error);
  }
}

/** The owner of a link chooses the file. */
function refuseForeignLink(path: string): void {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink() && !isOwn(stats)) {
    throw new SecretFileError(`is a symbolic link of user ${stats.uid}'s; it must belong to ${ownersWanted()}`);
  }
}

/** @returns whether the file's group takes its owner's place */
function checkOwner(stats: Stats, access: SecretFileAccess): boolean {
  const isShared = access === "group" && isOwnGroup(stats.gid);
  if (isOwn(stats) || isShared) return isShared;
  const wanted = `belongs to user ${stats.uid} and group ${stats.gid}; it must belong to ${ownersWanted()} (chown)`;
  throw new SecretFileError(
    access === "group" ? `${wanted}, or to a group of this process's` : `${wanted}; ${GROUP_ADVICE}`,
  );
}

/** @param others what other users must not be able to do */
function checkAccess(stats: Stats, access: SecretFileAccess, others: "read" | "write"): void {
  // Windows has no modes.
  if (process.getuid === undefined) return;
  const isShared = checkOwner(stats, access);
  const mode = stats.mode & 0o777;
  const forbidden = (others === "read" ? 0o077 : 0o022) & (isShared ? 0o007 : 0o077);
  if ((mode & forbidden) === 0) return;
  const [wanted, what] = others === "read" ? ["600", "read or written"] : ["700", "written to"];
  const byGroup = access === "owner" && (mode & forbidden & 0o007) === 0 ? `; ${GROUP_ADVICE}` : "";
  throw new SecretFileError(
    `has the mode ${mode.toString(8).padStart(4, "0")} and can be ${what} by other users; run chmod ${wanted} on it${byGroup}`,
  );
}

function isOwn({ uid }: Stats): boolean {
  return process.getuid === undefined || uid === process.getuid() || uid === 0;
}

function isOwnGroup(gid: number): boolean {
  return process.getegid?.() === gid || process.getgroups?.().includes(gid) === true;
}

function ownersWanted(): string {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? "root, as which this process runs" : `user ${uid}, as which this process runs, or root`;
}

function readText(descriptor: number): string {
  const bytes = Buffer.alloc(BYTES_MAX + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read) {
    read = readSync(descriptor, bytes, length, bytes.length - length, null);
  }
  if (length > BYTES_MAX) throw new SecretFileError("is larger than 64 KiB");
  return bytes.toString("utf8", 0, length);
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

function asSecretFileError(error: unknown): SecretFileError {
  if (error instanceof SecretFileError) return error;
  return new SecretFileError(`can't be read (${errorCode(error)})`, true);
}
