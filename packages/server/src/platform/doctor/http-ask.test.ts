import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { createAsk } from "./http-ask.ts";

test("an answer that switches to another protocol is an answer", async (t) => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const ask = createAsk(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  assert.deepEqual(await ask("/readyz"), { status: 101, location: undefined, body: "" });
});
