import assert from "node:assert/strict";
import { METHODS } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import { connectRaw } from "../../testing/raw-http.ts";
import { type HttpServer, openHttpServer } from "./http-server.ts";
import { createRequestIds } from "./request-id.ts";

/** The requests that were served, in order. */
const served: string[] = [];
let server: HttpServer;

before(async () => {
  server = await openHttpServer("127.0.0.1", 0, createRequestIds(createSystemRandom()), { reason: undefined });
  server.serve((request, response) => {
    const { method, url, headers, socket } = request;
    if (url !== "/turn") served.push(`${method} ${url}`);
    const body = JSON.stringify({ method, url, more: headers["x-more"], from: socket.remoteAddress });
    const answer = () => response.writeHead(200, ["Content-Length", String(Buffer.byteLength(body))]).end(body);
    if (url?.startsWith("/later") === true) void setImmediate().then(answer);
    else answer();
  }, "https://auth.example");
});
beforeEach(() => {
  served.length = 0;
});
after(() => server.drain(0));

const head = (method: string, target = "/", headers = "") =>
  `${method} ${target} HTTP/1.1\r\nHost: h\r\n${headers}\r\n`;

/** Waits until the server has read what was written before. */
async function serverTurn(): Promise<void> {
  const client = await connectRaw(server.url);
  client.write(head("GET", "/turn"));
  await client.until(/"url":"\/turn"/);
  client.end();
}

/**
 * Sends bytes, each part once the server has read the previous one, and returns what arrives until the connection
 * closes.
 */
async function send(...parts: readonly string[]): Promise<string> {
  const client = await connectRaw(server.url);
  for (const part of parts) {
    client.write(Buffer.from(part, "latin1"));
    if (part !== parts.at(-1)) await serverTurn();
  }
  client.endWriting();
  const received = await client.closed();
  client.end();
  return received;
}

function assertRefused(received: string, status = 400): void {
  assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close\r\n`, "i"));
  assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 1);
}

describe("a request with a method that the parser doesn't know", () => {
  for (const method of [
    "LIST",
    "BAN",
    "VIEW",
    "FOO",
    "get",
    "GETX",
    "PLAY",
    "DESCRIBE",
    "GET_PARAMETER",
    "a!#$%&'*+.^_`|~-9",
  ]) {
    for (const target of ["/at-once?b=c", "/later"]) {
      test(`is served under its own method, and its connection closes: ${method} ${target}`, async () => {
        const received = await send(head(method, target, "X-More: é\r\n"));
        assert.match(received, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n/i);
        const { more, ...rest } = JSON.parse(received.slice(received.indexOf("{")));
        assert.deepEqual(rest, { method, url: target, from: "127.0.0.1" });
        assert.equal(typeof more, "string");
      });
    }
  }

  test("is answered once, whatever follows its head: a body, further requests, nonsense", async () => {
    for (const target of ["/at-once", "/later"]) {
      for (const more of [
        "Content-Length: 4\r\n\r\nbody",
        "Content-Length: 20000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        `\r\n${head("GET", "/next")}`,
        `\r\n${head("LIST", "/next")}`,
        "Expect: 200-ok\r\n\r\n",
        "Connection: keep-alive\r\n\r\n",
        "Connection: upgrade\r\nUpgrade: x\r\n\r\n",
      ]) {
        served.length = 0;
        const received = await send(
          `LIST ${target} HTTP/1.1\r\nHost: h\r\n${more}`,
          head("GET", "/after"),
          head("BAN"),
        );
        assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 1, more);
        assert.match(received, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*"method":"LIST"/i);
        assert.deepEqual(served, [`LIST ${target}`], more);
      }
    }
  });

  test("is served on a connection that was used before", async () => {
    const client = await connectRaw(server.url);
    client.write(head("GET", "/first"));
    await client.until(/"url":"\/first"/);
    client.write(head("LIST", "/second"));
    assert.match(await client.closed(), /"method":"LIST","url":"\/second"/);
    client.end();
  });

  test("pipelined after another isn't served: the first gets its answer, and the connection closes", async () => {
    const received = await send(head("GET", "/later") + head("LIST", "/second"));
    assert.equal(received.match(/HTTP\/1\.1 200/g)?.length, 1);
    assert.deepEqual(served, ["GET /later"]);
  });

  test("is refused if its head isn't valid HTTP", async () => {
    for (const bytes of [
      "LIST / HTTP/3.0\r\nHost: h\r\n\r\n",
      "LIST / RTSP/1.0\r\nHost: h\r\n\r\n",
      "LIST /a b HTTP/1.1\r\nHost: h\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\r\n\r\n".replace("Host", " Host"),
      "LIST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, x\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
      "LIST / HTTP/1.1\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
      "LIST / HTTP/1.1\r\nHost: h\r\n",
      "LIST",
      "(LIST) / HTTP/1.1\r\nHost: h\r\n\r\n",
      "L\u00eeST / HTTP/1.1\r\nHost: h\r\n\r\n",
      `${"L".repeat(41)} / HTTP/1.1\r\nHost: h\r\n\r\n`,
      " LIST / HTTP/1.1\r\nHost: h\r\n\r\n",
      "LIST\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]) {
      assertRefused(await send(bytes));
      assert.deepEqual(served, [], bytes);
    }
    assertRefused(await send(head("LIST", "/", `X: ${"y".repeat(20_000)}\r\n`)), 431);
  });

  test("is never found within another request's head or body", async () => {
    const smuggled = head("LIST", "/smuggled");
    for (const parts of [
      ["POST / HTTP/1.1\r\nHost: h\r\n", smuggled],
      ["POST / HTTP/1.1\r\nHost: h\r\nX-More: ", `${smuggled}\u0001`],
      ["GET /a ", smuggled],
      ["P", head("GET", "/smuggled")],
      ["PLAY /a ", smuggled],
      ["PLAY http://a/", "FOO HTTP/1.1\r\nHost: h\r\n\r\n"],
      ["POST /later HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", smuggled],
      ["POST /at-once HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", smuggled],
    ] as const) {
      await send(...parts);
      assert.deepEqual(
        served.filter((request) => request.includes("smuggled") || request.startsWith("FOO")),
        [],
        parts[0],
      );
    }
  });

  test("can have any method but those that the parser knows", async () => {
    for (const method of METHODS) {
      if (method === "CONNECT") continue;
      const client = await connectRaw(server.url);
      client.write(head(method));
      assert.doesNotMatch(await client.until(/\r\n\r\n/), /Connection: close/i, method);
      client.end();
    }
    assert.deepEqual(
      served,
      METHODS.filter((method) => method !== "CONNECT").map((method) => `${method} /`),
    );
  });
});

test("whatever the bytes, each request gets at most one answer, and only complete requests are served", async () => {
  const words = [
    "LIST",
    "GET",
    "PLAY",
    "P",
    "/",
    " ",
    "HTTP/1.1",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "Host: h",
    "Content-Length: 3",
    "x",
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...words), { maxLength: 14 }), async (list) => {
      served.length = 0;
      const received = await send(`${list.join("")}\r\n\r\n`);
      assert.ok((received.match(/HTTP\/1\.1 [2-5]/g)?.length ?? 0) <= served.length + 1, received);
    }),
    { numRuns: 200 },
  );
});
