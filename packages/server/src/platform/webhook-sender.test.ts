import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { startWebhookReceiver, type WebhookReceiver } from "../../../../test/testkit/webhook-receiver.ts";
import { createWebhookSender, resolveByDns } from "./webhook-sender.ts";

const LOCAL = ["127.0.0.1/32"];
const MESSAGE = { headers: { "webhook-id": "msg_1" }, body: '{"type":"key.added","data":{"ü":1}}' };

let receiver: WebhookReceiver;
before(async () => {
  receiver = await startWebhookReceiver();
});
after(() => receiver.close());
afterEach(() => {
  receiver.answerAlways(undefined);
});

/** A sender for which every name has these addresses. @returns also the names that were resolved */
function senderOf(addresses: readonly string[], networks: readonly string[] = LOCAL, deliveryMsMax?: number) {
  const resolved: string[] = [];
  const resolve = async (hostname: string) => {
    resolved.push(hostname);
    return addresses;
  };
  const options = { networks, resolve, ...(deliveryMsMax !== undefined && { deliveryMsMax }) };
  return { ...createWebhookSender(options), resolved };
}

const toReceiver = (host = "127.0.0.1", path = "/") => ({ ...MESSAGE, url: `http://${host}:${receiver.port}${path}` });

/** A server that does as `onConnection` does with each connection. */
async function startRawServer(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("a delivery", () => {
  test("posts the body and the headers, to the path and query of the URL", async () => {
    const count = receiver.messages.length;
    const answer = await senderOf([]).send(toReceiver("127.0.0.1", "/in?token=x"));
    assert.deepEqual(answer, { outcome: "delivered", httpStatus: 204 });
    const message = receiver.messages[count];
    assert.deepEqual([message?.path, message?.body, message?.id], ["/in?token=x", MESSAGE.body, "msg_1"]);
    assert.equal(message?.headers.host, `127.0.0.1:${receiver.port}`);
  });

  for (const [status, outcome] of [
    [200, "delivered"],
    [299, "delivered"],
    [300, "redirected"],
    [301, "redirected"],
    [307, "redirected"],
    [400, "http_status"],
    [404, "http_status"],
    [410, "gone"],
    [429, "http_status"],
    [500, "http_status"],
    [503, "http_status"],
  ] as const) {
    test(`that is answered with ${status} is ${outcome}`, async () => {
      receiver.answerWith((response) => {
        response
          .writeHead(status, { Location: `http://127.0.0.1:${receiver.port}/elsewhere`, "Retry-After": "7" })
          .end();
      });
      const count = receiver.messages.length;
      const answer = await senderOf([]).send(toReceiver());
      assert.deepEqual([answer.outcome, answer.httpStatus], [outcome, status]);
      assert.equal(receiver.messages.length, count + 1, "no redirection is followed");
      if (outcome === "http_status") assert.equal(answer.retryAfter, "7");
    });
  }

  test("isn't held up by an endless answer: its status counts", async () => {
    receiver.answerWith((response) => {
      response.writeHead(200);
      const write = () => {
        while (!response.destroyed && response.write("x".repeat(16_384)));
        response.once("drain", write);
      };
      write();
    });
    assert.equal((await senderOf([]).send(toReceiver())).outcome, "delivered");
  });

  test("ends at its deadline, whether the receiver is silent or sends its answer byte by byte", async () => {
    const silent = await startRawServer(() => undefined);
    assert.deepEqual(await senderOf([], LOCAL, 50).send({ ...MESSAGE, url: silent.url }), {
      outcome: "timed_out",
      httpStatus: null,
    });
    silent.close();
    const slow = await startRawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
    });
    // Long enough for the status to arrive on a busy machine.
    assert.equal((await senderOf([], LOCAL, 2000).send({ ...MESSAGE, url: slow.url })).outcome, "delivered");
    slow.close();
    const hanging = createWebhookSender({
      networks: LOCAL,
      resolve: () => new Promise(() => undefined),
      deliveryMsMax: 50,
    });
    assert.equal((await hanging.send(toReceiver("hooks.example"))).outcome, "timed_out");
  });

  test("to what isn't an HTTP server, to one that switches protocols, and to a closed port is unreachable", async () => {
    for (const text of [
      "",
      "SSH-2.0-OpenSSH\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]) {
      const server = await startRawServer((socket) => socket.end(text));
      const { outcome } = await senderOf([]).send({ ...MESSAGE, url: server.url });
      assert.equal(outcome, "unreachable", text.slice(0, 40));
      server.close();
      assert.equal((await senderOf([]).send({ ...MESSAGE, url: server.url })).outcome, "unreachable");
    }
  });

  test("by https to a server without TLS says so", async () => {
    const url = `https://127.0.0.1:${receiver.port}/`;
    assert.equal((await senderOf([]).send({ ...MESSAGE, url })).outcome, "tls_failed");
  });
});

describe("the address of a delivery", () => {
  test("is the one that was checked: the name is resolved once, and its Host stays", async () => {
    const count = receiver.messages.length;
    const sender = senderOf(["127.0.0.1"]);
    assert.equal((await sender.send(toReceiver("hooks.example"))).outcome, "delivered");
    assert.deepEqual(sender.resolved, ["hooks.example"]);
    assert.equal(receiver.messages[count]?.headers.host, `hooks.example:${receiver.port}`);
  });

  test("is checked at each delivery, so that a name can't change its meaning after the first (DNS rebinding)", async () => {
    // Allowed at first; then this machine; then both in one answer, of which only the allowed one is used.
    const answers = [["127.0.0.1"], ["127.0.0.2"], ["::1", "169.254.169.254"], ["127.0.0.2", "127.0.0.1"]];
    const sender = createWebhookSender({ networks: LOCAL, resolve: async () => answers.shift() ?? [] });
    const outcomes = [];
    const count = receiver.messages.length;
    for (let turn = 0; turn < 5; turn++) outcomes.push((await sender.send(toReceiver("hooks.example"))).outcome);
    assert.deepEqual(outcomes, ["delivered", "address_refused", "address_refused", "delivered", "name_unresolved"]);
    assert.equal(receiver.messages.length, count + 2);
  });

  test("is refused however it is spelled in the URL, unless its network is named", async () => {
    const count = receiver.messages.length;
    const sender = createWebhookSender({ networks: [] });
    for (const host of [
      "127.0.0.1",
      "127.1",
      "0x7f.0.0.1",
      "0x7f000001",
      "2130706433",
      "017700000001",
      "0177.0.0.1",
      "127.0.0.1.",
      "１２７.0.0.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[::127.0.0.1]",
      "[64:ff9b::127.0.0.1]",
      "[2002:7f00:1::]",
      "localhost",
      "localhost.",
      "LOCALHOST",
      "a.localhost",
      "ⓛocalhost",
      "0",
      "0.0.0.0",
      "[::]",
      "169.254.169.254",
      "[fd00:ec2::254]",
    ]) {
      for (const scheme of ["http", "https"]) {
        const url = `${scheme}://${host}:${receiver.port}/`;
        assert.equal((await sender.send({ ...MESSAGE, url })).outcome, "address_refused", url);
        assert.match((await sender.findUrlProblem(url)) ?? "", /COUNTERSIGN_WEBHOOK_NETWORKS/, url);
      }
    }
    assert.equal(receiver.messages.length, count);
  });

  test("needs TLS, unless its network is named", async () => {
    const sender = senderOf(["8.8.8.8"], []);
    assert.equal((await sender.send({ ...MESSAGE, url: "http://hooks.example/" })).outcome, "address_refused");
    assert.match((await sender.findUrlProblem("http://hooks.example/")) ?? "", /use https/);
    assert.equal(await sender.findUrlProblem("https://hooks.example/"), undefined);
    assert.equal(await senderOf(["127.0.0.1"]).findUrlProblem("http://hooks.example/"), undefined);
  });

  test("may be missing when the endpoint is created, but not without TLS", async () => {
    assert.equal(await senderOf([]).findUrlProblem("https://hooks.example/"), undefined);
    assert.match((await senderOf([]).findUrlProblem("http://hooks.example/")) ?? "", /use https/);
  });
});

test("localhost means this machine, without asking a name server", async () => {
  for (const name of ["localhost", "localhost.", "LocalHost", "a.b.localhost"]) {
    assert.deepEqual(await resolveByDns(name), ["127.0.0.1", "::1"]);
  }
});
