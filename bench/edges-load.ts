/**
 * The misbehaving clients of bench/edges.ts, in a process of their own: idle ones, slow ones that send one byte of the
 * request head every second, and ones that keep asking for a large document and never read it.
 *
 *     node bench/edges-load.ts <url> <idle> <slow> <unread>
 *
 * Prints a line once all are connected, and another whenever the server closes one of them.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const [url = "", ...counts] = process.argv.slice(2);
const [idle = 0, slow = 0, unread = 0] = counts.map(Number);
const { hostname, port } = new URL(url);

/** How many connect at a time: more would overflow the listener's backlog. */
const CONNECTING_MAX = 100;

const closed = { idle: 0, slow: 0, unread: 0 };

async function open(kind: keyof typeof closed, begin: (socket: Socket) => void | Promise<void>): Promise<void> {
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  socket.on("error", () => undefined);
  socket.once("close", () => closed[kind]++);
  await begin(socket);
}

async function openAll(kind: keyof typeof closed, count: number, begin: (socket: Socket) => void | Promise<void>) {
  for (let opened = 0; opened < count; opened += CONNECTING_MAX) {
    const some = Math.min(CONNECTING_MAX, count - opened);
    await Promise.all(Array.from({ length: some }, () => open(kind, begin)));
  }
}

await openAll("idle", idle, async (socket) => {
  socket.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  await Promise.race([once(socket, "data"), once(socket, "close")]);
});
await openAll("unread", unread, (socket) => {
  socket.pause();
  socket.write("GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
});
await openAll("slow", slow, (socket) => {
  socket.write("GET /livez HTTP/1.1\r\nX: ");
  const dripping = setInterval(() => socket.write("a"), 1000);
  socket.once("close", () => {
    clearInterval(dripping);
    // Reconnects, as an attacker would.
    void open("slow", (again) => void again.write("GET /livez HTTP/1.1\r\nX: "));
  });
});
process.stdout.write(`${JSON.stringify({ idle, slow, unread })}\n`);
setInterval(() => process.stdout.write(`${JSON.stringify(closed)}\n`), 1000);
