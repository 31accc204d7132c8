import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";

/** A listener for each address of this machine to which `localhost` may resolve: a service there listens at both. */
const listeners = new Map<string, Promise<Server>>();
/** Both ends of each connection of this process. */
const connections = new Set<Socket>();

/**
 * Reserves a port of 127.0.0.1 and ::1 for a server that a test starts on it, stops, and starts again. It is reserved
 * until this process ends: the system assigns it to no listener on port 0 and to no outgoing connection, of any
 * process. While no server listens on it, connections are refused.
 *
 * It is the local end of a connection of this process, bound before it was made. Linux doesn't assign such a port, but
 * lets a server that names it listen there, if both have set SO_REUSEADDR (libuv, nginx, Caddy, HAProxy, PgBouncer and
 * PostgreSQL do). On other systems it is only a port that was free a moment ago.
 */
export async function reservePort(): Promise<number> {
  if (process.platform !== "linux") return await freePort();
  const hasIPv6 = networkInterfaces()["lo"]?.some(({ address }) => address === "::1") === true;
  for (;;) {
    const port = await reserveAt("127.0.0.1", 0);
    if (port !== undefined && (!hasIPv6 || (await reserveAt("::1", port)) !== undefined)) return port;
  }
}

/** @returns the port; `undefined` if another program has it */
async function reserveAt(host: string, port: number): Promise<number | undefined> {
  const listener = listeners.get(host) ?? listen(host);
  listeners.set(host, listener);
  const { port: ownPort } = (await listener).address() as AddressInfo;
  const socket = connect({ host, port: ownPort, localAddress: host, localPort: port });
  try {
    await once(socket, "connect");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
  keep(socket);
  return (socket.address() as AddressInfo).port;
}

async function listen(host: string): Promise<Server> {
  const server = createServer(keep).listen(0, host);
  await once(server, "listening");
  // Neither the listener nor a reserved port keeps this process running.
  return server.unref();
}

function keep(socket: Socket): void {
  connections.add(socket.unref());
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
