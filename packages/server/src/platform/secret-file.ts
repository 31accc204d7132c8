/**
 * Checks which files and folders may hold secrets, with one rule for `master.key`, every file that a `…_FILE` names, and the data
 * folder. The check is made on the open file, so that replacing the file between check and use has no effect.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { errorCode } from "./error-code.ts";

/**
 * Who may read secrets besides this process's user and root. `group`: a group of this process, whatever user owns the file, as on
 * a Kubernetes volume with fsGroup. There, a file that a `…_FILE` names may be a link owned by root.
 */
export type SecretFileAccess = "owner" | "group";

/** A file or folder is unsuitable. The message says what is wrong and what is needed, without the path. */
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

/** Advice for platforms that share files by group. */
const GROUP_ADVICE =
  "where a group shares it by design (Kubernetes' fsGroup), set COUNTERSIGN_SECRET_FILE_ACCESS=group";

/**
 * Reads a secret's file and trims white space. Never blocks, even on a pipe, a device or a terminal.
 *
 * @param mayBeLink whether the file may be a link owned by this user or root; `false` in a folder that this process writes to
 * @param credentials the folder in which systemd put this service's credentials: `$CREDENTIALS_DIRECTORY`
 * @throws {SecretFileError} if it can't be read, isn't a regular file, has over 64 KiB, belongs to another user, or is
 *   accessible to other users
 */
export function readSecretFile(
  file: string,
  access: SecretFileAccess,
  mayBeLink: boolean,
  credentials?: string,
): string {
  const descriptor = open(file, mayBeLink);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new SecretFileError(`is ${kindOf(stats)}; name a regular file`);
    if (!isCredential(file, stats, credentials)) checkAccess(stats, access, "read");
    return readText(descriptor).trim();
  } catch (error) {
    throw asSecretFileError(error);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a file whose content is public, and that only this process's user and root may change: it decides whom the service trusts.
 *
 * @throws {SecretFileError} as {@link readSecretFile}, except that other users may read it
 */
export function readGuardedFile(file: string, access: SecretFileAccess): string {
  return readRegularFile(file, (stats) => {
    checkAccess(stats, access, "write");
  });
}

/** Reads a public file. @throws {SecretFileError} if it can't be read, isn't a regular file, or has over 64 KiB */
export function readPublicFile(file: string): string {
  return readRegularFile(file, () => undefined);
}

function readRegularFile(file: string, check: (stats: Stats) => void): string {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new SecretFileError(`is ${kindOf(stats)}; name a regular file`);
    check(stats);
    return readText(descriptor);
  } catch (error) {
    throw asSecretFileError(error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * Is this a credential that systemd made for this service? systemd keeps a credential as root's and opens it to the service's user by
 * an access-control list. The list's mask is shown as the group's permissions, so the mode is 0440 although root's group may not read
 * it. The folder must be root's or this user's, and nobody else may write to it.
 */
function isCredential(file: string, { uid, gid, mode }: Stats, credentials: string | undefined): boolean {
  if (credentials === undefined || dirname(resolve(file)) !== resolve(credentials)) return false;
  if (uid !== 0 || gid !== 0 || (mode & 0o777) !== 0o440) return false;
  const folder = lstatSync(credentials);
  return folder.isDirectory() && isOwn(folder) && (folder.mode & 0o022) === 0;
}

/**
 * Checks the folder of the store and its master secret: other users must not be able to create files in it.
 *
 * @throws {SecretFileError}
 */
export function checkSecretFolder(folder: string, access: SecretFileAccess): void {
  try {
    refuseForeignLink(lstatSync(folder));
    const stats = statSync(folder);
    if (!stats.isDirectory()) throw new SecretFileError("is not a folder; name one in COUNTERSIGN_DATA_DIR");
    checkAccess(stats, access, "write");
  } catch (error) {
    throw asSecretFileError(error);
  }
}

/**
 * Checks the owner of a file, if it exists. It may disappear meanwhile: another process that ends removes the files that SQLite keeps
 * beside the store. The code that opens the file checks its mode.
 *
 * @throws {SecretFileError}
 */
export function checkSecretOwner(file: string, access: SecretFileAccess): void {
  try {
    const entry = lstatSync(file, { throwIfNoEntry: false });
    if (entry === undefined) return;
    refuseForeignLink(entry);
    const stats = entry.isSymbolicLink() ? statSync(file, { throwIfNoEntry: false }) : entry;
    if (stats !== undefined) checkOwner(stats, access);
  } catch (error) {
    throw asSecretFileError(error);
  }
}

function open(file: string, mayBeLink: boolean): number {
  try {
    if (mayBeLink) refuseForeignLink(lstatSync(file));
    const noFollow = mayBeLink ? 0 : constants.O_NOFOLLOW;
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | noFollow);
  } catch (error) {
    if (errorCode(error) === "ELOOP") throw new SecretFileError("is a symbolic link; a regular file is needed");
    throw asSecretFileError(error);
  }
}

/** Refuses a link of another user, who could point it at any file. */
function refuseForeignLink(stats: Stats): void {
  if (stats.isSymbolicLink() && !isOwn(stats)) {
    throw new SecretFileError(
      `is a symbolic link that belongs to user ${stats.uid}; it must belong to ${ownersWanted()}`,
    );
  }
}

/** @returns whether access is decided by the file's group instead of its owner */
function checkOwner(stats: Stats, access: SecretFileAccess): boolean {
  const isShared = access === "group" && isOwnGroup(stats.gid);
  if (isOwn(stats) || isShared) return isShared;
  const wanted = `belongs to user ${stats.uid} and group ${stats.gid}; it must belong to ${ownersWanted()} (chown)`;
  throw new SecretFileError(
    access === "group" ? `${wanted}, or to a group of this process` : `${wanted}; ${GROUP_ADVICE}`,
  );
}

/** Checks owner and mode. @param others what other users must not be able to do */
function checkAccess(stats: Stats, access: SecretFileAccess, others: "read" | "write"): void {
  // Windows has no modes.
  if (process.getuid === undefined) return;
  const isShared = checkOwner(stats, access);
  const mode = stats.mode & 0o777;
  const forbidden = (others === "read" ? 0o077 : 0o022) & (isShared ? 0o007 : 0o077);
  if ((mode & forbidden) === 0) return;
  const writable = stats.isDirectory() ? "700" : "644";
  const [wanted, what] = others === "read" ? ["600", "read or written"] : [writable, "written to"];
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
  return uid === 0 ? "root, the user of this process" : `user ${uid}, the user of this process, or root`;
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
