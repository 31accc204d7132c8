import { chmodSync, linkSync, lstatSync, renameSync, statSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { OperatorError } from "../core/operator-error.ts";
import { errorCode } from "./error-code.ts";
import { UNIX_PREFIX } from "./listener-url.ts";

/** The longest path of a socket, in bytes: Linux has 108 for it, the last of which is zero (unix(7)). */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Who may connect: the user of this process and its group. Connecting needs the permission to write. */
export const SOCKET_MODE = 0o660;

/** Permissions that a new socket doesn't get, whatever {@link SOCKET_MODE} grants afterwards. */
export const SOCKET_UMASK = 0o177;

/** The socket can't be made. The message names the path and the reason. */
export class UnixSocketError extends OperatorError {
  override readonly name = "UnixSocketError";

  constructor(path: string, problem: string) {
    super(`can't listen on ${UNIX_PREFIX}${path}: ${problem}`);
  }
}

/**
 * Makes room for a socket at a path: removes the socket of a process that has ended without removing it. A socket at which a process
 * listens stays, and so does any other file.
 *
 * @throws {UnixSocketError} if the path is taken, or this user may not remove what is there
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!isSocketAt(path)) return;
  if (await isListening(path)) throw inUse(path);
  // Another process may have replaced the socket since. Whatever is there is taken aside before it is removed, and examined again.
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw new UnixSocketError(
      path,
      `a socket that nobody listens at is there, and can't be removed (${errorCode(error)})`,
    );
  }
  // A longer path can't be examined.
  if (Buffer.byteLength(aside) <= SOCKET_PATH_BYTES_MAX && (await isListening(aside))) {
    linkSync(aside, path);
    unlinkSync(aside);
    throw inUse(path);
  }
  unlinkSync(aside);
}

/**
 * Calls `listen`, which makes a socket, so that only this user can connect to it at first.
 *
 * @returns what `listen` returns
 */
export function withSocketUmask<Result>(listen: () => Result): Result {
  const before = process.umask(SOCKET_UMASK);
  try {
    return listen();
  } finally {
    process.umask(before);
  }
}

/** Opens a new socket to the group as well ({@link SOCKET_MODE}). */
export function openSocketToGroup(path: string): void {
  chmodSync(path, SOCKET_MODE);
}

/** May every user of this machine put a socket of their own into the socket's folder? */
export function isInSharedFolder(path: string): boolean {
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  return folder !== undefined && (folder.mode & 0o002) !== 0;
}

function inUse(path: string): UnixSocketError {
  return new UnixSocketError(path, "another process listens there");
}

/** @throws {UnixSocketError} if there is something else than a socket */
function isSocketAt(path: string): boolean {
  let stats: ReturnType<typeof lstatSync>;
  try {
    stats = lstatSync(path);
  } catch (error) {
    // If the folder is missing, listening says so.
    if (errorCode(error) === "ENOENT") return false;
    throw new UnixSocketError(path, `the path can't be examined (${errorCode(error)})`);
  }
  if (!stats.isSocket())
    throw new UnixSocketError(path, "a file that isn't a socket is there; remove it, or name another path");
  return true;
}

/** Does a process listen at the socket? When in doubt, one does. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error) => {
      resolve(errorCode(error) !== "ECONNREFUSED" && errorCode(error) !== "ENOENT");
    });
  });
}
