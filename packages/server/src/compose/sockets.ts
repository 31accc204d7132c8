import type { Config } from "../config/config.ts";
import { socketPathOf } from "../platform/listener-url.ts";
import { removeStaleSocket, SOCKET_UMASK } from "../platform/unix-socket.ts";

/** The hosts at which this process listens, in the order in which their listeners are opened. */
export function listenedHosts({ listenOnly, host, adminHost }: Pick<Config, "listenOnly" | "host" | "adminHost">) {
  return {
    public: listenOnly === "internal" ? undefined : host,
    internal: listenOnly === "public" ? undefined : adminHost,
  };
}

/**
 * Prepares the Unix sockets of a process whose workers serve: removes what an earlier process left, once and before the first worker
 * listens, and makes the sockets for this user alone until a worker opens them to the group. This process opens them for its workers,
 * and makes no other file from then on.
 *
 * @throws {UnixSocketError} if another process listens at one
 */
export async function prepareSockets(config: Config): Promise<void> {
  const hosts = listenedHosts(config);
  const paths = [hosts.public, hosts.internal].flatMap((host) => (host && socketPathOf(host)) ?? []);
  for (const path of paths) await removeStaleSocket(path);
  if (paths.length > 0) process.umask(process.umask() | SOCKET_UMASK);
}
