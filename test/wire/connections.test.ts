/**
 * What clients can do to a running server by their connections alone: bodies that never arrive, silence, answers that
 * are never read, more connections than descriptors, and requests under way when it stops.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { startBusyClients } from "../testkit/busy-clients.ts";
import { monotonicMs } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import { watchStarvation } from "../testkit/processes.ts";
import { connectRaw, requestHead } from "../../packages/server/src/testing/raw-http.ts";
import { createApiUser, startServer, type TestServer } from "../testkit/server.ts";

describe("a request whose body never arrives", { concurrency: true }, () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  const PUBLIC = [
    "/api/auth/v0/check/",
    "/api/auth/v0/refresh/",
    "/api/auth/v0/changes/",
    "/.well-known/oauth-authorization-server",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs/errors",
    "/nothing",
    `/${"a".repeat(9000)}`,
  ];
  const INTERNAL = [
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs/errors",
    "/",
    "/api/admin/v1/users",
    "/x.js",
  ];

  for (const [listener, targets] of [
    ["public", PUBLIC],
    ["internal", INTERNAL],
  ] as const) {
    for (const target of targets) {
      test(`leaves no connection open after its answer: ${target.slice(0, 40)} of the ${listener} listener`, async () => {
        const url = listener === "public" ? server.publicUrl : server.adminUrl;
        for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]) {
          for (const framing of [
            ["Content-Length", "20000"],
            ["Transfer-Encoding", "chunked"],
          ] as const) {
            const connection = await connectRaw(url);
            connection.write(requestHead(method, target, [["Host", new URL(url).host], framing]));
            const answer = await connection.closed();
            assert.match(answer, /^HTTP\/1\.1 [2-5]\d\d [^]*\r\nConnection: close\r\n/, `${method} with ${framing[0]}`);
            connection.end();
          }
        }
      });
    }
  }
});

describe("a server with few descriptors and many clients", () => {
  let server: TestServer;
  const sockets: Socket[] = [];
  before(async () => {
    server = await startServer({ prefix: ["prlimit", "--nofile=64:64"] });
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  });

  test("can still deactivate a key, by the admin API and by the command line, and answers new clients", async () => {
    const { keyId } = await createApiUser(server);
    const { token } = await server.json<{ token: string }>("admin-token", "create", "test", "--role", "owner");
    for (let number = 0; number < 200; number++)
      sockets.push(connect(Number(new URL(server.publicUrl).port), "127.0.0.1"));
    await Promise.all(
      sockets.map((socket) =>
        once(
          socket.on("error", () => undefined),
          "connect",
        ),
      ),
    );
    const answer = await fetch(`${server.adminUrl}/api/admin/v1/keys/${keyId}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ status: "deactivated" }),
    });
    assert.equal(answer.status, 200, await answer.text());
    await server.json("key", "activate", String(keyId));
    await server.json("key", "deactivate", String(keyId));
    assert.equal((await fetch(`${server.publicUrl}/livez`)).status, 200);
    const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text();
    assert.match(metrics, /countersign_public_connections_cut_off_total\{reason="evicted"\} [1-9]/);
    await eventually("the log says that the limit was reached", () =>
      server.stderr().includes("connections are at their limit"),
    );
  });
});

const CLIENTS = 32;

/**
 * From how long a pause of the clients' process or the server's on, in milliseconds, a connection may still be on its way when the
 * listener closes: the server waits until none has arrived for 15 ms. The operating system resets such a connection, which no request
 * has reached.
 */
const STARVED_MS = 5;

for (const [name, delay, flags] of [
  ["at once", "0s", []],
  ["after a delay", "500ms", []],
  ["with workers", "500ms", ["--workers", "2"]],
  ["at once with workers", "0s", ["--workers", "2"]],
] as const) {
  test(`a server that stops ${name} answers every request that busy clients sent`, async () => {
    const server = await startServer({ flags: ["--drain-delay", delay, "--log-level", "warn", ...flags] });
    const { answered, failures, refused } = startBusyClients(server, CLIENTS);
    await eventually("all of them are busy", () => answered.open > 200);
    const watches = [server.pid, process.pid].map(watchStarvation);
    const sinceMs = monotonicMs();
    for (const watch of watches) watch.note();
    const stopped = server.stop();
    await refused;
    // The server tells nothing any more if it has ended already.
    for (const watch of watches) watch.note();
    assert.deepEqual(await stopped, { status: 0, signal: null });
    const isStarved = watches.some((watch) => watch.betweenMs(sinceMs, monotonicMs()) >= STARVED_MS);
    assert.deepEqual(
      failures.filter((code) => !(isStarved && code === "ECONNRESET")),
      [],
    );
    assert.ok(answered.closing >= CLIENTS, String(answered.closing));
  });
}

test("during the drain delay a server isn't ready, but still answers", async () => {
  const server = await startServer({ flags: ["--drain-delay", "10m"] });
  assert.equal((await fetch(`${server.publicUrl}/readyz`)).status, 200);
  process.kill(server.pid, "SIGTERM");
  const answer = await eventually("it isn't ready", async () => {
    const asked = await fetch(`${server.publicUrl}/readyz`);
    const body = await asked.text();
    return asked.status === 503 ? { body, connection: asked.headers.get("connection") } : undefined;
  });
  assert.deepEqual(answer, { body: '{"status":"not_ready","reason":"stopping"}', connection: "close" });
  assert.equal((await fetch(`${server.publicUrl}/api/auth/v0/check/`)).status, 401);
  assert.equal((await fetch(`${server.adminUrl}/livez`)).status, 200);
  // A second signal ends it at once. Two signals that arrive together count as one.
  await eventually("it ended", () => {
    try {
      process.kill(server.pid, "SIGTERM");
      return undefined;
    } catch {
      return true;
    }
  });
});

test("an idle connection is kept for as long as the setting says", async () => {
  const server = await startServer({ flags: ["--keep-alive", "1s"] });
  const connection = await connectRaw(server.publicUrl);
  connection.write(requestHead("GET", "/livez"));
  const answer = await connection.answer();
  assert.equal(answer.header("keep-alive"), "timeout=1");
  assert.equal(await connection.closed(), "");
  connection.end();
  await server.stop();
});
