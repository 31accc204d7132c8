import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { connectRaw, type RawConnection } from "../../testing/raw-http.ts";
import { until } from "../../../../../test/testkit/eventually.ts";
import type { ConnectionFigures, ConnectionLimits } from "./connections.ts";
import { type HttpServer, openHttpServer } from "./http-server.ts";
import { createRequestIds } from "./request-id.ts";

const nextRequestId = createRequestIds(createSystemRandom());

const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LIVEZ = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

interface Limited {
  readonly server: HttpServer;
  readonly limited: readonly ConnectionFigures[];
  readonly connect: (localAddress?: string) => Promise<RawConnection>;
  /** A client whose request is being worked on. @param more further bytes of the request's head and body */
  readonly busy: (more?: string) => Promise<RawConnection>;
  /** A client whose first request has been answered. */
  readonly spoken: (localAddress?: string) => Promise<RawConnection>;
}

/** A listener with small limits. `/never` gets no answer, `/large` one that exceeds every socket buffer. */
async function openLimited(t: TestContext, limits: Partial<ConnectionLimits>): Promise<Limited> {
  const limited: ConnectionFigures[] = [];
  let atWork = 0;
  const server = await openHttpServer(
    "127.0.0.1",
    0,
    nextRequestId,
    { reason: undefined },
    {
      keepAliveMs: 60_000,
      limits: { max: 100, reserved: 0, perAddressMax: 100, clientOf: (address) => address, ...limits },
      onLimit: (figures) => limited.push(figures),
      tickMs: 20,
    },
  );
  server.serve((request, response) => {
    if (request.url === "/never") {
      atWork++;
      return;
    }
    const body = request.url === "/large" ? Buffer.alloc(50_000_000) : "ok";
    response.writeHead(200, ["Content-Length", String(body.length)]).end(body);
  }, "https://auth.example");
  const clients: RawConnection[] = [];
  t.after(async () => {
    for (const client of clients) client.end();
    await server.drain(0);
  });
  const connect = async (localAddress?: string) => {
    const client = await connectRaw(server.url, { localAddress, allowHalfOpen: true });
    clients.push(client);
    return client;
  };
  return {
    server,
    limited,
    connect,
    async busy(more = "") {
      const before = atWork;
      const client = await connect();
      client.write(`GET /never HTTP/1.1\r\nHost: a\r\n${more}\r\n`);
      await until(() => atWork > before);
      return client;
    },
    async spoken(localAddress) {
      const client = await connect(localAddress);
      client.write(REQUEST);
      await client.until(/ok$/);
      return client;
    },
  };
}

describe("a listener all of whose places are taken", () => {
  test("closes the longest silent connection first, if a quarter or more are silent", async (t) => {
    const { server, connect, busy, spoken } = await openLimited(t, { max: 4 });
    const idle = await spoken();
    const silent = await connect();
    const slow = await connect();
    slow.write("GET / HT");
    await busy();
    await until(() => server.connections().open === 4);
    await spoken();
    assert.equal(await silent.closed(), "");
    await spoken();
    assert.equal(await slow.closed(), "");
    assert.equal(server.connections().evicted, 2);
    idle.write(REQUEST);
    await idle.until(/ok[^]*ok$/);
  });

  test("closes idle connections before silent ones, if few are silent, so that a new client has time to send a request", async (t) => {
    const { server, connect, spoken } = await openLimited(t, { max: 10 });
    for (let number = 0; number < 9; number++) await spoken();
    const slow = await connect();
    await until(() => server.connections().open === 10);
    for (let number = 0; number < 50; number++) await spoken();
    slow.write(REQUEST);
    await slow.until(/ok$/);
  });

  test("closes connections that await a request's body before silent ones, if few are silent", async (t) => {
    const { server, connect, busy } = await openLimited(t, { max: 10 });
    for (let number = 0; number < 9; number++) await busy("Content-Length: 5\r\n");
    const slow = await connect();
    await until(() => server.connections().open === 10);
    for (let number = 0; number < 20; number++) await busy("Content-Length: 5\r\n");
    slow.write(REQUEST);
    await slow.until(/ok$/);
  });

  test("closes the longest idle connection next, and never one whose answer is being prepared", async (t) => {
    const { server, busy, spoken } = await openLimited(t, { max: 3 });
    const working = await busy();
    const first = await spoken();
    await spoken();
    await spoken();
    await first.closed();
    assert.deepEqual({ ...server.connections() }, { open: 3, evicted: 1, refused: 0, unread: 0, unsecured: 0 });
    assert.equal(working.received(), "");
  });

  test("closes one that awaits a request's body, if no other can be closed", async (t) => {
    const { busy, spoken } = await openLimited(t, { max: 1 });
    const slow = await busy("Content-Length: 5\r\n");
    await spoken();
    await slow.closed();
  });

  test("while all of them have work answers health checks, and everything else with 503", async (t) => {
    const { server, connect, busy } = await openLimited(t, { max: 5, reserved: 2 });
    for (let number = 0; number < 3; number++) {
      await busy();
    }
    await until(() => server.connections().open === 3);
    const health = await connect();
    health.write(LIVEZ);
    assert.match(await health.closed(), /^HTTP\/1\.1 200 [^]*Connection: close/);
    const other = await connect();
    other.write(REQUEST);
    assert.match(await other.closed(), /^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*Connection: close[^]*"unavailable"/);
  });

  test("refuses a connection if none can be closed, and logs that once", async (t) => {
    const { server, limited, connect, busy } = await openLimited(t, { max: 2 });
    for (let number = 0; number < 2; number++) {
      await busy();
    }
    await until(() => server.connections().open === 2);
    for (let number = 0; number < 5; number++) await (await connect()).closed();
    await until(() => limited.length > 0);
    assert.equal(server.connections().refused, 5);
    assert.equal(limited.length, 1);
  });

  test("keeps accepting clients beside connections that never send a request", async (t) => {
    const { connect, spoken } = await openLimited(t, { max: 10 });
    for (let number = 0; number < 50; number++) {
      await connect();
      await spoken();
    }
  });
});

describe("a client address that has reached its limit of connections", () => {
  test("loses its own oldest connection to a new one, and no other client does", async (t) => {
    const { server, connect, spoken } = await openLimited(t, { max: 10, perAddressMax: 2 });
    const other = await spoken("127.0.0.2");
    const silent = await connect("127.0.0.1");
    const idle = await spoken("127.0.0.1");
    await spoken("127.0.0.1");
    await silent.closed();
    await spoken("127.0.0.1");
    await idle.closed();
    assert.equal(server.connections().open, 3);
    other.write(REQUEST);
    await other.until(/ok[^]*ok$/);
  });

  test("is refused if all of its own connections are at work", async (t) => {
    const { connect, busy, spoken } = await openLimited(t, { max: 10, perAddressMax: 1 });
    await busy();
    await spoken("127.0.0.2");
    await (await connect("127.0.0.1")).closed();
    await spoken("127.0.0.2");
  });

  test("has no such limit if it stands for many clients", async (t) => {
    const { server, spoken } = await openLimited(t, {
      perAddressMax: 1,
      clientOf: (address) => (address === "127.0.0.1" ? undefined : address),
    });
    for (let number = 0; number < 5; number++) await spoken("127.0.0.1");
    assert.deepEqual({ ...server.connections() }, { open: 5, evicted: 0, refused: 0, unread: 0, unsecured: 0 });
  });

  test("is forgotten with its last connection", async (t) => {
    const { server, connect, spoken } = await openLimited(t, { perAddressMax: 1 });
    (await spoken("127.0.0.1")).end();
    await until(() => server.connections().open === 0);
    await connect("127.0.0.1");
    await until(() => server.connections().open === 1);
    assert.equal(server.connections().evicted, 0);
  });
});

test("one pipelined request is served in each turn of the event loop, so that no new client has to wait", async (t) => {
  let turn = 0;
  let isOver = false;
  const countTurn = () => {
    turn++;
    if (!isOver) setImmediate(countTurn);
  };
  const turns: number[] = [];
  const server = await openHttpServer("127.0.0.1", 0, nextRequestId, { reason: undefined });
  server.serve((request, response) => {
    if (request.url === "/behind") turns.push(turn);
    response.writeHead(200, ["Content-Length", "2"]).end("ok");
  }, "https://auth.example");
  t.after(async () => {
    isOver = true;
    await server.drain(0);
  });
  const clients = await Promise.all(Array.from({ length: 10 }, () => connectRaw(server.url)));
  countTurn();
  for (const client of clients) client.write(REQUEST + REQUEST.replace("/", "/behind").repeat(10));
  await Promise.all(clients.map((client) => client.until(/(?:ok[^]*){11}/)));
  for (const client of clients) client.end();
  assert.equal(turns.length, 100);
  assert.equal(new Set(turns).size, 100);
});

describe("a client that stalls", () => {
  test("is cut off if it doesn't read its answer", async (t) => {
    const { server, connect } = await openLimited(t, {});
    const client = await connect();
    client.pause();
    client.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20));
    await until(() => server.connections().unread === 1);
    await until(() => server.connections().open === 0);
  });

  test("is cut off after a malformed request, although it never ends its side", async (t) => {
    const { server, connect } = await openLimited(t, {});
    const client = await connect();
    client.write("NOT HTTP\r\n\r\n");
    assert.match(await client.closed(), /^HTTP\/1\.1 400 /);
    await until(() => server.connections().open === 0);
  });
});

describe("a listener that stops", () => {
  test("answers the requests it has, says that the connection closes, and then accepts nothing", async (t) => {
    const { server, connect, busy, spoken } = await openLimited(t, {});
    const idle = await spoken();
    const working = await busy();
    await until(() => server.connections().open === 2);
    server.announceClose();
    idle.write(REQUEST);
    assert.match(await idle.closed(), /Connection: keep-alive[^]*Connection: close/);
    const late = await connect();
    late.write(REQUEST);
    assert.match(await late.closed(), /^HTTP\/1\.1 200 [^]*Connection: close/);
    await server.drain(0);
    assert.equal(await working.closed(), "");
    await assert.rejects(connect(), /ECONNREFUSED/);
  });

  test("answers all of several requests that came together, and says in the last answer that the connection closes", async (t) => {
    const { server, connect } = await openLimited(t, {});
    const client = await connect();
    server.announceClose();
    client.write(REQUEST.repeat(5));
    const answers = (await client.closed()).split("HTTP/1.1 200").slice(1);
    assert.equal(answers.length, 5);
    assert.deepEqual(
      answers.map((answer) => answer.includes("Connection: close")),
      [false, false, false, false, true],
    );
  });
});
