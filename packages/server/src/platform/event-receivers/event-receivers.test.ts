import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { appendFileSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { after, describe, test } from "node:test";
import { type AuditEvent, chainEvent } from "../../core/feed/audit-chain.ts";
import { makeTemporaryFolder } from "../../testing/test-registry.ts";
import { createFileReceiver } from "./file-receiver.ts";
import { createOutputReceiver } from "./output-receiver.ts";
import { syslogMessage } from "./syslog-message.ts";
import { createSyslogReceiver } from "./syslog-receiver.ts";

const folder = makeTemporaryFolder();
after(() => folder.remove());

function event(seq: number, values: Partial<AuditEvent> = {}): AuditEvent {
  const row = { atMs: 1_481_650_253_342, actor: "cli:alice", action: "user.created", subject: "user:1", details: {} };
  return { ...chainEvent(row, undefined), seq, hash: "ab".repeat(32), ...values };
}

const format = ({ seq }: AuditEvent) => `event ${seq}`;
const lines = (file: string) => readFileSync(file, "utf8").split("\n");

describe("a file that gets events", () => {
  test("gets a line for each, after what is there, and only its owner and group can read it", async () => {
    const file = folder.file("plain.log");
    const receiver = createFileReceiver(file, format);
    await receiver.send([event(1), event(2)]);
    await receiver.close();
    const again = createFileReceiver(file, format);
    await again.send([event(3)]);
    await again.close();
    assert.deepEqual(lines(file), ["event 1", "event 2", "event 3", ""]);
    assert.equal(statSync(file).mode & 0o137, 0);
  });

  test("is opened anew when it was renamed or removed, as by logrotate", async () => {
    const file = folder.file("rotated.log");
    const receiver = createFileReceiver(file, format);
    await receiver.send([event(1)]);
    renameSync(file, `${file}.1`);
    await receiver.send([event(2)]);
    rmSync(file);
    await receiver.send([event(3)]);
    await receiver.close();
    assert.deepEqual(
      [lines(`${file}.1`), lines(file)],
      [
        ["event 1", ""],
        ["event 3", ""],
      ],
    );
  });

  test("loses a line that was cut off, before the next one is written", async () => {
    const file = folder.file("cut.log");
    for (const before of ['whole\n{"seq":7,"a', '{"se']) {
      rmSync(file, { force: true });
      appendFileSync(file, before);
      const receiver = createFileReceiver(file, format);
      await receiver.send([event(1)]);
      await receiver.close();
      assert.deepEqual(lines(file), before.startsWith("whole") ? ["whole", "event 1", ""] : ["event 1", ""]);
    }
  });

  test("that ends with something else is left as it is", async () => {
    const file = folder.file("other.db");
    for (const before of ["SQLite format 3\0\n\u0001\u0002", "text", `{${"x".repeat(1_100_000)}`]) {
      writeFileSync(file, before);
      const receiver = createFileReceiver(file, format);
      await assert.rejects(receiver.send([event(1)]), { message: /ends with something else than events/ });
      await receiver.close();
      assert.equal(readFileSync(file, "utf8"), before);
    }
  });

  test("that can't be opened rejects, and works once it can", async () => {
    const missing = folder.file("missing");
    const receiver = createFileReceiver(`${missing}/audit.log`, format);
    await assert.rejects(receiver.send([event(1)]), { code: "ENOENT" });
  });
});

test("standard output gets a line for each event", async () => {
  const output = new PassThrough();
  await createOutputReceiver(output, format).send([event(1), event(2)]);
  assert.equal(String(output.read()), "event 1\nevent 2\n");
});

describe("a syslog message", () => {
  const sender = { hostname: "node-1.example", processId: 42, storeId: "5t0re" };

  test("has the event's time and facts in the form of RFC 5424", () => {
    assert.equal(
      syslogMessage(event(7), '{"seq":7}', sender),
      `<110>1 2016-12-13T17:30:53.342Z node-1.example countersign 42 user.created [countersign@32473 seq="7" action="user.created" actor="cli:alice" subject="user:1" store="5t0re" hash="${"ab".repeat(32)}" previousHash="${"0".repeat(64)}"] {"seq":7}`,
    );
    assert.match(syslogMessage(event(7, { action: "key.found_weak" }), "{}", sender), /^<109>1 /);
  });

  test("escapes what would end a value, and leaves out what a header can't hold", () => {
    const text = syslogMessage(event(7, { actor: 'operator:"\\]\n\u0000é', action: `x ${"y".repeat(50)}` }), "{}", {
      ...sender,
      hostname: " é\n",
    });
    assert.ok(text.includes('actor="operator:\\"\\\\\\]  é"'), text);
    const [, , host, app, , id] = text.split(" ");
    assert.deepEqual([host, app, id], ["-", "countersign", `x${"y".repeat(31)}`]);
  });
});

/** Starts a server that gives each connection to the function, and resolves with its port. */
async function listen(onConnection: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, onConnection).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

describe("a syslog server", () => {
  test("over TCP gets frames with their length, and the delivery ends when it has closed the connection", async () => {
    const received: string[] = [];
    const { server, port } = await listen((socket) => {
      socket.setEncoding("utf8").on("data", (text: string) => received.push(text));
      socket.on("end", () => socket.end());
    });
    const receiver = createSyslogReceiver({ transport: "tcp", host: "127.0.0.1", port }, ({ seq }) => `é\n${seq}`);
    await receiver.send([event(1), event(22)]);
    await receiver.send([event(3)]);
    assert.equal(received.join(""), "4 é\n15 é\n224 é\n3");
    server.close();
  });

  test("that goes away before it has read everything has received nothing", async () => {
    const { server, port } = await listen((socket) => {
      socket.once("data", () => socket.destroy());
    });
    const receiver = createSyslogReceiver({ transport: "tcp", host: "127.0.0.1", port }, () => "x".repeat(2_000_000));
    await assert.rejects(
      receiver.send([event(1), event(2), event(3)]),
      (error: NodeJS.ErrnoException) => typeof error.code === "string",
    );
    server.close();
  });

  test("that closes before the end was sent has received nothing", async () => {
    const { server, port } = await listen((socket) => {
      socket.pause().end();
      socket.once("close", () => socket.destroy());
    });
    const receiver = createSyslogReceiver({ transport: "tcp", host: "127.0.0.1", port }, () => "x".repeat(20_000_000));
    const sending = receiver.send([event(1)]);
    server.once("connection", (socket: Socket) => setImmediate(() => socket.resetAndDestroy()));
    await assert.rejects(sending, (error: NodeJS.ErrnoException) => typeof error.code === "string");
    server.close();
  });

  test("that hangs up without reading, as a proxy without a server behind it, has received nothing", async () => {
    const { server, port } = await listen((socket) => {
      socket.on("error", () => undefined).end();
    });
    // Longer than the test may take: the delivery fails because of the server, not of a timer.
    const receiver = createSyslogReceiver({ transport: "tcp", host: "127.0.0.1", port }, format, 3_600_000);
    await assert.rejects(receiver.send([event(1)]), (error: NodeJS.ErrnoException) => typeof error.code === "string");
    server.close();
  });

  test("that isn't there rejects", async () => {
    const { server, port } = await listen(() => undefined);
    server.close();
    await once(server, "close");
    const receiver = createSyslogReceiver({ transport: "tcp", host: "127.0.0.1", port }, format);
    await assert.rejects(receiver.send([event(1)]), { code: "ECONNREFUSED" });
  });

  test("over UDP gets a datagram for each event", async () => {
    const server = createSocket("udp4").bind(0, "127.0.0.1");
    await once(server, "listening");
    const received: string[] = [];
    const both = new Promise<void>((resolve) => {
      server.on("message", (message) => {
        received.push(message.toString());
        if (received.length === 2) resolve();
      });
    });
    const { port } = server.address();
    await createSyslogReceiver({ transport: "udp", host: "127.0.0.1", port }, format).send([event(1), event(2)]);
    await both;
    assert.deepEqual(received, ["event 1", "event 2"]);
    server.close();
  });
});
