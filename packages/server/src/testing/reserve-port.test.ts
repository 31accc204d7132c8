import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, test } from "node:test";
import { reservePort } from "./reserve-port.ts";

describe("a reserved port", { skip: process.platform === "linux" ? false : "only Linux reserves it" }, () => {
  test("is refused to clients while no server listens, before, between and after two servers on it", async () => {
    const port = await reservePort();
    assert.equal(await outcomeOf(port), "ECONNREFUSED");
    for (const _round of [1, 2]) {
      const server = createServer((socket) => socket.end()).listen(port, "127.0.0.1");
      await once(server, "listening");
      assert.equal(await outcomeOf(port), "connect");
      server.close();
      await once(server, "close");
      assert.equal(await outcomeOf(port), "ECONNREFUSED");
    }
  });

  test("is never assigned to a listener on port 0", async () => {
    const port = await reservePort();
    // The system's next choices, all of them open at once.
    const servers = Array.from({ length: 500 }, () => createServer().listen(0, "127.0.0.1"));
    await Promise.all(servers.map((server) => once(server, "listening")));
    assert.ok(!servers.some((server) => (server.address() as AddressInfo).port === port));
    for (const server of servers) server.close();
  });

  test("is different each time", async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, reservePort));
    assert.equal(new Set(ports).size, 20);
  });
});

function outcomeOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve("connect");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}
