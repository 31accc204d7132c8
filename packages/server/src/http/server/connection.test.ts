import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createRequestIds } from "./request-id.ts";
import { type HttpServer, openHttpServer } from "./http-server.ts";
import { PIPELINED_MAX } from "./connection.ts";
import { createSystemRandom } from "../../platform/random.ts";
import { connectRaw } from "../../testing/raw-http.ts";

const nextRequestId = createRequestIds(createSystemRandom());

/** The requests that were served, in order. */
const served: string[] = [];
let server: HttpServer;

before(async () => {
  server = await openHttpServer("127.0.0.1", 0, nextRequestId, { reason: undefined });
  server.serve((request, response) => {
    served.push(`${request.method} ${request.url}`);
    const answer = () => response.writeHead(200, ["Content-Length", "2"]).end("ok");
    if (request.url?.startsWith("/later") === true) void setImmediate().then(answer);
    else if (request.url?.startsWith("/body") === true) request.resume().on("end", answer);
    else if (request.url === "/never") return;
    else if (request.url === "/implicit") response.end("ok");
    else answer();
  }, "https://auth.example");
});
after(() => server.drain(0));

const head = (method: string, target: string, headers = "", version = "1.1") =>
  `${method} ${target} HTTP/${version}\r\nHost: a\r\n${headers}\r\n`;

describe("an answer that is sent before its request is complete", () => {
  for (const target of ["/at-once", "/later", "/implicit"]) {
    for (const [name, headers, part] of [
      ["a length, and no body", "Content-Length: 20000\r\n", ""],
      ["a length, and some of the body", "Content-Length: 20000\r\n", "abc"],
      ["chunks, and none of them", "Transfer-Encoding: chunked\r\n", ""],
      ["chunks, and not the last", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"],
      ["chunks, and no end of the trailers", "Transfer-Encoding: chunked\r\n", "0\r\nA: b\r\n"],
      ["an expectation", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""],
      ["an unknown expectation", "Content-Length: 5\r\nExpect: more\r\n", ""],
    ] as const) {
      for (const method of ["GET", "HEAD", "OPTIONS", "POST", "DELETE"]) {
        test(`says that the connection closes, and it closes: ${method} ${target} with ${name}`, async () => {
          const client = await connectRaw(server.url, { allowHalfOpen: true });
          client.write(head(method, target, headers) + part);
          const answer = await client.closed();
          assert.match(answer, /HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Connection: close\r\n/);
          client.end();
        });
      }
    }
  }

  test("arrives completely although the client goes on sending, and what it sends is never treated as a request", async () => {
    served.length = 0;
    const client = await connectRaw(server.url);
    client.write(head("GET", "/at-once", "Content-Length: 5\r\n"));
    await client.until(/\r\n\r\nok$/);
    client.write(`12345${head("DELETE", "/smuggled")}`.repeat(50));
    assert.match(await client.closed(), /\r\n\r\nok$/);
    assert.deepEqual(served, ["GET /at-once"]);
    client.end();
  });

  test("is followed by the end of the connection, even if the client never ends its side", async () => {
    const quick = await openHttpServer("127.0.0.1", 0, nextRequestId, { reason: undefined }, quickly);
    quick.serve((_request, response) => response.writeHead(200, ["Content-Length", "2"]).end("ok"), "");
    const client = await connectRaw(quick.url, { allowHalfOpen: true });
    client.write(head("GET", "/", "Content-Length: 5\r\n"));
    await client.closed();
    await client.broken();
    await quick.drain(0);
  });
});

/** Checks connections often, so that the tests don't take seconds. */
const quickly = {
  keepAliveMs: 60_000,
  limits: { max: 100, reserved: 0, perAddressMax: 100, clientOf: () => undefined },
  onLimit: () => undefined,
  tickMs: 20,
};

describe("a connection stays open", () => {
  for (const [name, headers, body] of [
    ["no body", "", ""],
    ["an empty body", "Content-Length: 0\r\n", ""],
    ["a body that came with the head", "Content-Length: 5\r\n", "hello"],
    ["chunks that came with the head", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"],
  ] as const) {
    test(`after a request with ${name}`, async () => {
      const client = await connectRaw(server.url);
      for (const target of ["/at-once", "/later", "/body", "/implicit", "/at-once"]) {
        const before = client.received().split("ok").length;
        client.write(head("POST", target, headers) + body);
        await client.until(new RegExp(`(?:ok[^]*){${before}}`));
      }
      assert.doesNotMatch(client.received(), /Connection: close/);
      client.end();
    });
  }

  test("where the answer waits for a body that arrives later", async () => {
    const client = await connectRaw(server.url);
    client.write(head("POST", "/body", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    await client.until(/100 Continue/);
    client.write("hello");
    assert.match(await client.until(/ok$/), /Connection: keep-alive/);
    client.end();
  });
});

test("HTTP/1.0 with chunks closes, whatever the client asks for", async () => {
  served.length = 0;
  const client = await connectRaw(server.url);
  const headers = "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n";
  client.write(`${head("GET", "/at-once", headers, "1.0")}0\r\n\r\n${head("DELETE", "/behind")}`);
  assert.match(await client.closed(), /Connection: close\r\n/);
  assert.deepEqual(served, ["GET /at-once"]);
  client.end();
});

test("a request for another protocol is answered and closes: what was sent after it may be lost", async () => {
  for (const headers of ["", "Content-Length: 0\r\n", "Content-Length: 5\r\n"]) {
    const client = await connectRaw(server.url);
    const upgrade = head("GET", "/at-once", `Connection: upgrade\r\nUpgrade: websocket\r\n${headers}`);
    client.write(upgrade + head("GET", "/behind"));
    const answers = (await client.closed()).split("HTTP/1.1 ").slice(1);
    assert.equal(answers.length, 1);
    assert.match(answers[0] ?? "", /^200 OK\r\n[^]*Connection: close\r\n/);
    client.end();
  }
});

test("a length and chunks together are refused, and the connection closes", async () => {
  for (const headers of [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  ]) {
    const client = await connectRaw(server.url);
    client.write(`${head("GET", "/at-once", headers)}0\r\n\r\n`);
    assert.match(await client.closed(), /^HTTP\/1\.1 400 [^]*Connection: close/);
    client.end();
  }
});

describe("pipelined requests", () => {
  test("are served one at a time and in order", async () => {
    served.length = 0;
    const client = await connectRaw(server.url);
    const targets = ["/later-1", "/at-once-2", "/later-3", "/body-4", "/at-once-5"];
    client.write(targets.map((target) => head("GET", target)).join(""));
    await client.until(/(?:ok[^]*){5}/);
    assert.deepEqual(
      served,
      targets.map((target) => `GET ${target}`),
    );
    client.end();
  });

  test("after one without an answer wait, and aren't served", async () => {
    served.length = 0;
    const client = await connectRaw(server.url);
    client.write(head("GET", "/never") + head("DELETE", "/behind"));
    const other = await connectRaw(server.url);
    other.write(head("GET", "/later"));
    await other.until(/ok$/);
    assert.deepEqual(served, ["GET /never", "GET /later"]);
    client.end();
    other.end();
  });

  test("beyond a bound aren't served; the last answer says that the connection closes", async () => {
    const client = await connectRaw(server.url);
    client.write(head("GET", "/later").repeat(PIPELINED_MAX + 20));
    const answers = (await client.closed()).split("HTTP/1.1 200").slice(1);
    assert.equal(answers.length, PIPELINED_MAX + 1);
    assert.ok(answers.slice(0, -1).every((answer) => answer.includes("keep-alive")));
    assert.match(answers.at(-1) ?? "", /Connection: close/);
    client.end();
  });

  test("without end end the connection at once", async () => {
    const client = await connectRaw(server.url);
    client.write(head("GET", "/never").repeat(500));
    assert.equal(await client.closed(), "");
    client.end();
  });

  test("before bytes that aren't HTTP get their answers, and then the connection closes", async () => {
    for (const rubbish of ["NOT HTTP\r\n\r\n", head("CONNECT", "a:1"), head("GET", "/x", "Content-Length: x\r\n")]) {
      const client = await connectRaw(server.url);
      client.write(head("GET", "/later") + head("GET", "/later") + rubbish);
      const answers = (await client.closed()).split("HTTP/1.1 ").slice(1);
      assert.equal(answers.length, 2, rubbish);
      assert.ok(answers.every((answer) => answer.startsWith("200 OK")));
      assert.match(answers[1] ?? "", /Connection: close/);
      client.end();
    }
  });
});
