/**
 * `countersign healthcheck`, as a container's HEALTHCHECK runs it: with the server's own configuration.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createTestAuthority } from "../../packages/server/src/testing/certificates.ts";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { environment, type ProgramResult, runProgram } from "../testkit/run-program.ts";
import { assertFails, COUNTERSIGN, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const healthcheck = (env: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<ProgramResult> =>
  runProgram(process.execPath, [COUNTERSIGN, "healthcheck", ...words], { env: environment(env) });

describe("a server is found by its configuration", () => {
  const folder = temporaryFolder();
  const { certFile, keyFile } = createTestAuthority(folder).issue("auth.example");
  const tls = { COUNTERSIGN_TLS_CERT_FILE: certFile, COUNTERSIGN_TLS_KEY_FILE: keyFile };
  const socket = { COUNTERSIGN_HOST: `unix:${join(folder, "public.sock")}` };
  const SERVERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "at a port": {},
    "at all addresses": { COUNTERSIGN_HOST: "0.0.0.0" },
    "with TLS, whatever name its certificate has": tls,
    "with TLS that asks for gateways' certificates": {
      ...tls,
      COUNTERSIGN_TLS_CLIENT_CA_FILE: createTestAuthority(folder, "gateways").file,
    },
    "at a Unix socket": socket,
    "with the internal listener alone": { COUNTERSIGN_LISTEN_ONLY: "internal" },
  };
  for (const [name, settings] of Object.entries(SERVERS)) {
    test(name, async () => {
      const ports = {
        COUNTERSIGN_PORT: String(await reservePort()),
        COUNTERSIGN_ADMIN_PORT: String(await reservePort()),
      };
      const env = { ...ports, ...settings };
      const flags = ["--port", ports.COUNTERSIGN_PORT, "--admin-port", ports.COUNTERSIGN_ADMIN_PORT];
      const server = await startServer({ env, flags });
      assert.deepEqual(await healthcheck(env), { status: 0, stdout: "ready\n", stderr: "" });
      const { stdout } = await healthcheck(env, "--live", "--json");
      assert.deepEqual(JSON.parse(stdout), { status: "alive" });
      await server.stop();
      assertFails(
        await healthcheck(env),
        1,
        /^countersign: the service can't be reached at \S+ \((?:ECONNREFUSED|ENOENT)\)\n$/,
      );
    });
  }
});

describe("a server that runs", () => {
  let server: TestServer;
  let port: string;

  before(async () => {
    server = await startServer({ flags: ["--drain-delay", "60s"] });
    ({ port } = new URL(server.publicUrl));
  });
  after(() => server.kill());

  test("isn't asked where it picks its port itself, unless a flag has the number", async () => {
    assertFails(await healthcheck({ COUNTERSIGN_PORT: "0" }), 1, /give its number with --port/);
    assert.equal((await healthcheck({ COUNTERSIGN_PORT: "0" }, "--port", port)).status, 0);
  });

  test("is alive but not ready while it drains", async () => {
    process.kill(server.pid, "SIGTERM");
    const ask = (...words: string[]) => healthcheck({ COUNTERSIGN_PORT: port }, ...words);
    while ((await ask()).status === 0);
    assertFails(await ask(), 1, /^countersign: the service isn't ready: .*stopping/);
    assert.equal((await ask("--live")).status, 0);
  });
});

test("another program at the address isn't healthy, and its text can't act on the terminal", async () => {
  const text = `\u001b[2J\u0007\nforged line${"x".repeat(100_000)}`;
  let answer: readonly [status: number, body: string] = [200, ""];
  const impostor = createServer((_request, response) => {
    response.writeHead(answer[0]).end(answer[1]);
  });
  await once(impostor.listen(0, "127.0.0.1"), "listening");
  const ask = () => healthcheck({ COUNTERSIGN_PORT: String((impostor.address() as AddressInfo).port) });
  answer = [503, JSON.stringify({ reason: text.slice(0, 5000) })];
  const { stderr } = await ask();
  assert.match(stderr, /^countersign: the service isn't ready: \S?\[2J forged linex{1,300}\n$/);
  for (const [status, body] of [
    [503, text],
    [404, "<html>"],
    [301, ""],
    [503, "null"],
  ] as const) {
    answer = [status, body];
    assertFails(await ask(), 1, new RegExp(`HTTP ${status}`));
  }
  impostor.closeAllConnections();
  impostor.close();
});
