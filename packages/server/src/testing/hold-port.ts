import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

let listener: Promise<Server> | undefined;
/** Both ends of each connection. */
const held = new Set<Socket>();

/**
 * A port of 127.0.0.1 for a server that a test starts on it, stops, and starts again. It stays this process's until this
 * process ends: nobody who leaves the choice to the system is given it, neither a listener on port 0 nor an outgoing
 * connection, of whichever process. While the server isn't there, connections are refused.
 *
 * It is the local end of a connection of this process's own, bound before it was made: Linux passes such a port over, and
 * yet lets a server that names it listen there, where both have set SO_REUSEADDR (libuv, nginx, Caddy, HAProxy, PgBouncer
 * and PostgreSQL do). On another system it is only a port that was free a moment ago.
 */
export async function holdPort(): Promise<number> {
  if (process.platform !== "linux") return await freePort();
  listener ??= listen();
  const { port } = (await listener).address() as AddressInfo;
  const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.1", localPort: 0 });
  await once(socket, "connect");
  hold(socket);
  return (socket.address() as AddressInfo).port;
}

async function listen(): Promise<Server> {
  const server = createServer(hold).listen(0, "127.0.0.1");
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
