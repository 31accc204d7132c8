import { existsSync } from "node:fs";
import { type AddressInfo, createServer as createNetServer, Server as NetServer } from "node:net";
import { dirname } from "node:path";
import { OperatorError } from "../../core/operator-error.ts";
import { UNIX_PREFIX } from "../../platform/listener-url.ts";
import { addressesToListenAt } from "../../platform/loopback.ts";
import { openSocketToGroup, withSocketUmask } from "../../platform/unix-socket.ts";

/** How many ports chosen by the system are tried until one is free on both loopback addresses. */
const PORT_TRIES_MAX = 20;

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EACCES: "this user may not use the port",
  EADDRNOTAVAIL: "this machine doesn't have the address",
  ENOTFOUND: "the host name is unknown",
};

const SOCKET_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there",
  EACCES: "this user may not make a socket in that folder",
  ENOENT: "the folder doesn't exist",
  ENOTDIR: "a part of the path isn't a folder",
  EROFS: "the file system is read-only",
};

/** The listener can't be opened. The message names the address and the reason. */
export class ListenError extends OperatorError {
  override readonly name = "ListenError";
  /** The operating system's error code. */
  readonly code: string | undefined;

  /** @param port `undefined` for a Unix socket */
  constructor(address: string, port: number | undefined, code: string | undefined) {
    const problems = port === undefined ? SOCKET_PROBLEMS : LISTEN_PROBLEMS;
    const place = port === undefined ? address : `${address} port ${port}`;
    super(`can't listen on ${place}: ${problems[code ?? ""] ?? code ?? "failed"}`);
    this.code = code;
  }
}

/** Listens at a Unix socket, which only this process's user and group can connect to. */
export async function listenAtPath(server: NetServer, path: string): Promise<readonly NetServer[]> {
  const host = `${UNIX_PREFIX}${path}`;
  // Node reports EACCES for a missing folder, too.
  if (!existsSync(dirname(path))) throw new ListenError(host, undefined, "ENOENT");
  await listen(server, host, undefined, (onListening) => {
    withSocketUmask(() => server.listen(path, onListening));
  });
  openSocketToGroup(path);
  return [server];
}

/**
 * Listens at every address of a host, on one port. Addresses that this machine lacks are left out, except for the first.
 *
 * @returns the listening servers: `server`, and others that pass their connections on to it
 */
export async function listenAt(server: NetServer, host: string, port: number): Promise<readonly NetServer[]> {
  const [first = host, ...others] = addressesToListenAt(host);
  for (let tries = 1; ; tries++) {
    await listen(server, first, port);
    const listening: NetServer[] = [server];
    const chosen = (server.address() as AddressInfo).port;
    try {
      for (const address of others) {
        const other = createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
          server.emit("connection", socket);
        });
        if (await listenWherePresent(other, address, chosen)) listening.push(other);
      }
      return listening;
    } catch (error) {
      await Promise.all(listening.map(stopListening));
      // The system has chosen a port that is free on the first address, but it may be in use on another.
      const isOver = port !== 0 || tries >= PORT_TRIES_MAX;
      if (isOver || !(error instanceof ListenError) || error.code !== "EADDRINUSE") throw error;
    }
  }
}

/** Listens if this machine has the address. @returns whether it has */
async function listenWherePresent(server: NetServer, address: string, port: number): Promise<boolean> {
  try {
    await listen(server, address, port);
    return true;
  } catch (error) {
    if (error instanceof ListenError && (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT")) return false;
    throw error;
  }
}

/** @param start starts listening; by default at the address and port */
function listen(
  server: NetServer,
  address: string,
  port: number | undefined,
  start = (onListening: () => void) => {
    server.listen(port, address, onListening);
  },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: string }) => {
      reject(new ListenError(address, port, error.code));
    };
    server.once("error", fail);
    start(() => {
      server.off("error", fail);
      // Ignores connections that can't be accepted for lack of descriptors; their clients can retry.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

/** Closes the listening socket and keeps the connections. `http.Server.close` would cut off answers that clients are reading. */
export function stopListening(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    NetServer.prototype.close.call(server, () => {
      resolve();
    });
  });
}
