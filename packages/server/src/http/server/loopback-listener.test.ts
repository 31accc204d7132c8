import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { type TestContext, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { connectRaw } from "../../testing/raw-http.ts";
import { openHttpServer } from "./http-server.ts";
import { createRequestIds } from "./request-id.ts";

const nextRequestId = createRequestIds(createSystemRandom());
const hasIPv6 = networkInterfaces()["lo"]?.some(({ address }) => address === "::1") === true;
const skip = hasIPv6 ? false : "this machine has no ::1";

async function open(t: TestContext, host: string, port = 0) {
  const server = await openHttpServer(host, port, nextRequestId, { reason: undefined });
  t.after(() => server.drain(0));
  server.serve((_request, response) => response.writeHead(200, ["Content-Length", "2"]).end("ok"), "");
  return server;
}

/** Another program that listens at an address, if the system allows it. @returns its port */
async function listenAt(t: TestContext, host: string, port = 0): Promise<number> {
  const server = createServer().listen({ port, host, ipv6Only: true });
  t.after(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function answerAt(host: string, port: string): Promise<string> {
  const client = await connectRaw(`http://${host}:${port}`);
  client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const answer = await client.closed();
  client.end();
  return answer;
}

for (const host of ["127.0.0.1", "::1", "localhost", "LOCALHOST", "0:0:0:0:0:0:0:1", "127.1", "0.0.0.0"]) {
  test(`a service at ${host} answers at both addresses that localhost may lead to`, { skip }, async (t) => {
    const { url } = await open(t, host);
    const { port } = new URL(url);
    assert.match(await answerAt("127.0.0.1", port), /^HTTP\/1\.1 200 /);
    assert.match(await answerAt("[::1]", port), /^HTTP\/1\.1 200 /);
    for (const address of ["127.0.0.1", "::1"]) {
      await assert.rejects(listenAt(t, address, Number(port)), { code: "EADDRINUSE" });
    }
  });
}

for (const [host, taken] of [
  ["127.0.0.1", "::1"],
  ["127.0.0.1", "127.0.0.1"],
  ["localhost", "::1"],
  ["::1", "127.0.0.1"],
  ["0.0.0.0", "::1"],
] as const) {
  test(`a service at ${host} doesn't start if another program has ${taken}, and leaves nothing open`, {
    skip,
  }, async (t) => {
    const port = await listenAt(t, taken);
    await assert.rejects(open(t, host, port), {
      name: "ListenError",
      message: `can't listen on ${taken} port ${port}: the port is in use`,
    });
    const other = taken === "::1" ? "127.0.0.1" : "::1";
    assert.equal(await listenAt(t, other, port), port);
  });
}

test("a service at another address of this machine listens only there, since links to it name the address", async (t) => {
  const { url } = await open(t, "127.0.0.2");
  const { port } = new URL(url);
  assert.match(await answerAt("127.0.0.2", port), /^HTTP\/1\.1 200 /);
  await listenAt(t, "127.0.0.1", Number(port));
});
