/**
 * Where a server listens: one listener in a process of its own, and Unix sockets. Each test runs real servers.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { canConnect } from "../../packages/server/src/testing/raw-http.ts";
import { send } from "../../packages/server/src/testing/test-http.ts";
import { eventually } from "../testkit/eventually.ts";
import { runProgram } from "../testkit/run-program.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";
import {
  assertFails,
  COUNTERSIGN,
  createApiUser,
  startServer,
  type ServerOptions,
  temporaryFolder,
} from "../testkit/server.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Sends a request to a Unix socket. */
function sendTo(socketPath: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, path, headers: { host: "localhost", ...headers }, agent: false },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => (body += text));
        answer.once("end", () => {
          resolve({ status: answer.statusCode ?? 0, body });
        });
      },
    );
    outgoing.once("error", reject).end();
  });
}

async function start(options: ServerOptions) {
  const server = await startServer(options);
  after(() => server.stop());
  return server;
}

const tokenOf = (body: string) => (JSON.parse(body) as { data: { token?: string } }).data.token;
const codeOf = (body: string) => (JSON.parse(body) as { meta: { errors: { code: string }[] } }).meta.errors[0]?.code;

describe("two processes, one for each listener", () => {
  test("make one service: what one changes holds at the other", async () => {
    const metricsPort = await reservePort();
    const internal = await start({ flags: ["--listen-only", "internal", "--public-url", "https://auth.example"] });
    const dataDir = internal.dataDir;
    const shared = await start({
      dataDir,
      flags: ["--listen-only", "public", "--metrics-port", String(metricsPort)],
    });

    // The ready line keeps its members.
    const ready = [internal, shared].map((server) => JSON.parse(server.stdout()) as Record<string, unknown>);
    assert.deepEqual(
      ready.map(({ public_url, admin_url }) => [typeof public_url, typeof admin_url]),
      [
        ["object", "string"],
        ["string", "object"],
      ],
    );
    assert.match(internal.stderr(), /"event":"setup"/);
    assert.doesNotMatch(shared.stderr(), /"event":"setup"/);

    assert.equal((await send(`${internal.adminUrl}/api/auth/v0/refresh/`, "GET")).status, 404);
    assert.equal((await send(`${shared.publicUrl}/metrics`, "GET")).status, 404);
    assert.equal((await send(`${shared.publicUrl}/api/admin/v1/me`, "GET")).status, 404);

    const user = await createApiUser(internal);
    const exchanged = await eventually("the exchange knows the key", async () => {
      const assertion = signAssertion(user.username, createPrivateKey(readFileSync(user.privateKeyFile)));
      const answer = await send(`${shared.publicUrl}/api/auth/v0/refresh/`, "GET", {
        headers: { authorization: `JWT ${assertion}` },
      });
      return answer.status === 200 ? answer : undefined;
    });
    const headers = { authorization: `Token ${tokenOf(exchanged.body)}` };
    assert.equal((await send(`${shared.publicUrl}/api/auth/v0/check/`, "GET", { headers })).status, 200);
    await internal.json("key", "deactivate", String(user.keyId));
    await eventually("the check refuses the token", async () => {
      const { status } = await send(`${shared.publicUrl}/api/auth/v0/check/`, "GET", { headers });
      return status === 403 ? true : undefined;
    });

    // The exchange is counted where it happens, and its metrics are read there; nothing else is served beside them.
    const metricsUrl = `http://127.0.0.1:${metricsPort}`;
    assert.match((await send(`${metricsUrl}/metrics`, "GET")).body, /^countersign_tokens_issued_total 1$/m);
    assert.match((await send(`${internal.adminUrl}/metrics`, "GET")).body, /^countersign_tokens_issued_total 0$/m);
    assert.equal((await send(`${metricsUrl}/readyz`, "GET")).status, 200);
    assert.equal((await send(`${metricsUrl}/`, "GET")).status, 404);
    const foreign = await send(`${metricsUrl}/metrics`, "GET", { headers: { host: "evil.example" } });
    assert.equal(foreign.status, 421);

    assert.deepEqual(await shared.stop(), { status: 0, signal: null });
    assert.deepEqual(await internal.stop(), { status: 0, signal: null });
  });

  test("say at which URL they assume the service to be, if nobody says it", async () => {
    const shared = await start({ flags: ["--listen-only", "public"] });
    assert.doesNotMatch(shared.stderr(), /COUNTERSIGN_PUBLIC_URL/);
    const internal = await start({ dataDir: shared.dataDir, flags: ["--listen-only", "internal"] });
    assert.match(
      internal.stderr(),
      new RegExp(`"public_url":"${shared.publicUrl}","msg":"COUNTERSIGN_PUBLIC_URL isn't set`),
    );
  });

  test("need no port for the listener that another one serves", async () => {
    const [port, adminPort] = [await reservePort(), await reservePort()];
    const flags = ["--port", String(port), "--admin-port", String(adminPort)];
    const shared = await start({ flags: [...flags, "--listen-only", "public"] });
    assert.equal(await canConnect(`http://127.0.0.1:${adminPort}`), false);
    const internal = await start({ dataDir: shared.dataDir, flags: [...flags, "--listen-only", "internal"] });
    assert.equal(internal.adminUrl, `http://127.0.0.1:${adminPort}`);
  });
});

for (const workers of ["1", "2"]) {
  describe(`a Unix socket with ${workers} worker(s)`, () => {
    test("serves user and group, survives a crash, isn't taken over, and is removed at the end", async () => {
      const folder = temporaryFolder();
      const [socket, adminSocket] = [join(folder, "public.sock"), join(folder, "admin.sock")];
      const dataDir = temporaryFolder();
      const options = {
        dataDir,
        flags: ["--workers", workers],
        env: {
          COUNTERSIGN_HOST: `unix:${socket}`,
          COUNTERSIGN_ADMIN_HOST: `unix:${adminSocket}`,
          COUNTERSIGN_PUBLIC_URL: "https://auth.example",
          COUNTERSIGN_TRUSTED_PROXIES: "unix:",
          COUNTERSIGN_REFUSAL_LIMIT: "2",
        },
      };
      const first = await start(options);
      const { pid: _, ...ready } = JSON.parse(first.stdout()) as Record<string, unknown>;
      assert.deepEqual(ready, {
        event: "ready",
        public_url: "https://auth.example",
        admin_url: "http://localhost",
        store: "sqlite",
      });
      for (const path of [socket, adminSocket]) assert.equal(statSync(path).mode & 0o777, 0o660);
      assert.equal((await sendTo(socket, "/readyz")).status, 200);
      assert.match((await sendTo(adminSocket, "/metrics")).body, /countersign_internal_connections/);

      // A second server doesn't take the socket of the first one.
      const second = await runProgram(process.execPath, [COUNTERSIGN, "serve", "--admin-port", "0"], {
        env: {
          ...process.env,
          ...options.env,
          COUNTERSIGN_DATA_DIR: temporaryFolder(),
          COUNTERSIGN_ADMIN_HOST: "127.0.0.1",
        },
      });
      assertFails(
        {
          ...second,
          stderr: second.stderr
            .split("\n")
            .filter((line) => !line.startsWith("{"))
            .join("\n"),
        },
        1,
        /can't listen on unix:.*: another process listens there/,
      );
      assert.equal((await sendTo(socket, "/readyz")).status, 200);

      await first.kill();
      const third = await eventually("the crashed server's workers have ended", () =>
        startServer(options).catch(() => undefined),
      );
      after(() => third.stop());
      assert.equal((await sendTo(socket, "/readyz")).status, 200);
      assert.deepEqual(await third.stop(), { status: 0, signal: null });
      for (const path of [socket, adminSocket]) assert.equal(existsSync(path), false);
    });
  });
}

test("clients behind a gateway at a Unix socket are told apart by the addresses that it names", async () => {
  const socket = join(temporaryFolder(), "public.sock");
  const server = await start({
    flags: ["--host", `unix:${socket}`, "--trusted-proxies", "unix:", "--refusal-limit", "2"],
    env: { COUNTERSIGN_CONNECTIONS_PER_ADDRESS_MAX: "1" },
  });
  const exchange = (client: string) =>
    sendTo(socket, "/api/auth/v0/refresh/", { authorization: "JWT no", "x-forwarded-for": client });
  const codes = async (client: string) => codeOf((await exchange(client)).body);
  assert.deepEqual(
    [await codes("192.0.2.1"), await codes("192.0.2.1")],
    ["assertion_malformed", "assertion_malformed"],
  );
  assert.equal(await codes("192.0.2.1"), "rate_limited");
  assert.equal(await codes("192.0.2.2"), "assertion_malformed");

  // Many connections at once, although an address may have only one.
  const answers = await Promise.all(Array.from({ length: 20 }, () => sendTo(socket, "/livez")));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.match(server.stderr(), /COUNTERSIGN_PUBLIC_URL isn't set, and a Unix socket has no URL/);
});

test("a Unix socket that can't be made stops the start with one line", async () => {
  const folder = temporaryFolder();
  const serve = (host: string) =>
    runProgram(process.execPath, [COUNTERSIGN, "serve", "--admin-port", "0", "--host", host, "--log-level", "silent"], {
      env: { ...process.env, COUNTERSIGN_DATA_DIR: temporaryFolder() },
    });
  assertFails(await serve(`unix:${folder}/missing/public.sock`), 1, /missing\/public\.sock: the folder doesn't exist/);
  assertFails(await serve(`unix:${folder}`), 1, /a file that isn't a socket is there/);
  assertFails(await serve(`unix:${folder}/${"a".repeat(100)}`), 2, /at most 107 bytes/);
});
