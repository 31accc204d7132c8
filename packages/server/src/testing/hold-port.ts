import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";

/** One for each address of this machine to which `localhost` may lead: a service there listens at both. */
const listeners = new Map<string, Promise<Server>>();
/** Both ends of each connection. */
const held = new Set<Socket>();

/**
 * A port of 127.0.0.1 and ::1 for a server that a test starts on it, stops, and starts again. It stays this process's until this
 * process ends: the system gives it to no one that leaves the choice to the system, neither a listener on port 0 nor an outgoing
 * connection, of whichever process. While the server isn't there, connections are refused.
 *
 * It is the local end of a connection of this process's own, bound before it was made: Linux passes such a port over, and
 * yet lets a server that names it listen there, where both have set SO_REUSEADDR (libuv, nginx, Caddy, HAProxy, PgBouncer
 * and PostgreSQL do). On another system it is only a port that was free a moment ago.
 */
export async function holdPort(): Promise<number> {
  if (process.platform !== "linux") return await freePort();
  const hasIPv6 = networkInterfaces()["lo"]?.some(({ address }) => address === "::1") === true;
  for (;;) {
    const port = await holdAt("127.0.0.1", 0);
    if (port !== undefined && (!hasIPv6 || (await holdAt("::1", port)) !== undefined)) return port;
  }
}

/** @returns the port; `undefined` where another program has it */
async function holdAt(host: string, port: number): Promise<number | undefined> {
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
  hold(socket);
  return (socket.address() as AddressInfo).port;
}

async function listen(host: string): Promise<Server> {
  const server = createServer(hold).listen(0, host);
  await once(server, "listening");
  // Neither it nor a held port keeps this process.
  return server.unref();
}

function hold(socket: Socket): void {
  held.add(socket.unref());
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
