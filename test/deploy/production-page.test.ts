/**
 * The set-up of docs/production.md, by the settings and the nginx configuration that the page prints: two nodes on one
 * PostgreSQL behind nginx with TLS. Only ports, addresses of the machine and paths are replaced.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import type { Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { endWithThisProcess, runProgram } from "../testkit/run-program.ts";
import { createApiUser, startServer, temporaryFolder, type TestApiUser, type TestServer } from "../testkit/server.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";

const missing = await findMissing({
  name: "nginx and openssl",
  debianPackages: "nginx openssl",
  probes: [
    ["/usr/sbin/nginx", "-v"],
    ["openssl", "version"],
  ],
});

const page = readFileSync(fileURLToPath(new URL("../../docs/production.md", import.meta.url)), "utf8");

/** The host name of the page. */
const HOST = "auth.example";

if (missing !== undefined && IS_CI) test("docs/production.md", () => assert.fail(missing));
else describe("two nodes set up by docs/production.md", { skip: missing ?? false }, followPage);

function followPage(): void {
  const folder = temporaryFolder();
  const names = ["a", "b"] as const;
  let postgres: TestPostgres;
  let nodes: TestServer[] = [];
  let user: TestApiUser;
  let ports: readonly number[];
  let port: number;

  before(async () => {
    postgres = await startPostgres();
    const shared = {
      ...variables(block("sh", "countersign.env")),
      COUNTERSIGN_DATABASE_URL: await postgres.createDatabase(),
      COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
    };
    // The page's own ports differ from node to node; those of a test are free ones.
    for (const name of names)
      assert.match(page, new RegExp(`COUNTERSIGN_PORT=\\d+\\\\n.*>/etc/countersign/${name}\\.env`));
    ports = await Promise.all(names.map(() => reservePort()));
    nodes = await Promise.all(ports.map((at) => startServer({ env: shared, flags: ["--port", String(at)] })));
    user = await createApiUser(nodes[0] as TestServer);
    port = await startNginx(folder, ports);
  });

  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await postgres?.stop();
  });

  test("a client gets a token by HTTPS, and both nodes know it", async () => {
    const token = await exchange();
    for (const at of ports) {
      const { status } = await fetch(`http://127.0.0.1:${at}/api/auth/v0/check/`, {
        headers: { Authorization: `Token ${token}` },
      });
      assert.equal(status, 200);
    }
  });

  test("the internal listeners can't be reached by the public name", async () => {
    for (const path of ["/metrics", "/api/admin/v1/overview", "/"]) assert.equal((await get(path)).status, 404, path);
  });

  test("the service sees the client's own address, and doesn't believe one that the client forges", async () => {
    const [first] = nodes as [TestServer];
    await first.json("user", "edit", user.username, "--network", "127.0.0.1/32");
    assert.equal((await get("/api/auth/v0/check/", { Authorization: `Token ${await exchange()}` })).status, 200);
    await first.json("user", "edit", user.username, "--network", "203.0.113.0/24");
    const forged = { Authorization: assertion(), "X-Forwarded-For": "203.0.113.7", Forwarded: "for=203.0.113.7" };
    const answer = await get("/api/auth/v0/refresh/?ttl=600", forged);
    assert.equal(answer.status, 403);
    assert.match(answer.body, /source_not_allowed/);
    await first.json("user", "edit", user.username, "--no-networks");
  });

  test("a gateway that asks through nginx is believed that its client writes, and nobody that a write reads", async () => {
    const reader = await createApiUser(nodes[0] as TestServer, { account: "readers", flags: ["--read-only"] });
    const Authorization = `Token ${await exchange(reader)}`;
    const check = async (method: string, named: Readonly<Record<string, string>>) =>
      (await get("/api/auth/v0/check/", { Authorization, ...named }, method)).status;
    assert.equal(await check("GET", {}), 200);
    for (const header of ["X-Forwarded-Method", "X-Original-Method"]) {
      for (const method of ["GET", "HEAD", "OPTIONS"])
        assert.equal(await check(method, { [header]: "DELETE" }), 403, `${method}, ${header}: DELETE`);
      assert.equal(await check("GET", { [header]: "GET" }), 200, header);
      assert.equal(await check("POST", { [header]: "GET" }), 403, header);
    }
  });

  const assertion = ({ username, privateKeyFile } = user) =>
    `JWT ${signAssertion(username, createPrivateKey(readFileSync(privateKeyFile, "utf8")))}`;

  async function exchange(by = user): Promise<string> {
    const { status, body } = await get("/api/auth/v0/refresh/?ttl=600", { Authorization: assertion(by) });
    assert.equal(status, 200, body);
    return (JSON.parse(body) as { data: { token: string } }).data.token;
  }

  function get(
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method = "GET",
  ): Promise<{ status: number; body: string }> {
    const ca = readFileSync(join(folder, `${HOST}.pem`));
    return new Promise((resolve, reject) => {
      const sent = request({
        host: "127.0.0.1",
        port,
        servername: HOST,
        ca,
        method,
        path,
        headers: { Host: HOST, ...headers },
      });
      sent.on("error", reject).on("response", (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => (body += text));
        answer.on("error", reject).on("end", () => {
          resolve({ status: answer.statusCode ?? 0, body });
        });
      });
      sent.end();
    });
  }
}

test("every published nginx in front of nodes says the same about forwarded headers", () => {
  const lines = (file: string) =>
    readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), "utf8").match(
      /(?:map |proxy_set_header X-).*(?:method|remote_addr)\b.*;/gi,
    );
  const own = lines("docs/production.md");
  assert.equal(own?.length, 5);
  assert.deepEqual(lines("docs/operations.md"), own);
  assert.deepEqual(lines("deploy/container/nginx.conf"), own);
});

/** The text of the page's first code block in a language that has these words. */
function block(language: string, words: string): string {
  const found = [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].find(([, text = ""]) =>
    text.includes(words),
  );
  return found?.[1] ?? assert.fail(`docs/production.md has no block in ${language} with ${words}`);
}

/** The variables that a block of shell commands writes into the file that all nodes share. */
function variables(commands: string): Record<string, string> {
  const [, text] = /<<'END'\n(.*?)END\n/s.exec(commands) ?? [];
  const lines = text?.trim().split("\n") ?? [];
  assert.ok(lines.length > 0);
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** Starts nginx with the page's configuration in front of the nodes. @returns the port of its TLS listener */
async function startNginx(folder: string, nodes: readonly number[]): Promise<number> {
  const port = await reservePort();
  const subject = `-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${HOST} -addext subjectAltName=DNS:${HOST}`;
  const files = ["-keyout", join(folder, `${HOST}.key`), "-out", join(folder, `${HOST}.pem`)];
  const made = await runProgram("openssl", ["req", ...subject.split(" "), ...files]);
  assert.equal(made.status, 0, made.stderr);
  let at = 0;
  const configuration = block("nginx", "upstream")
    .replaceAll(/server 127\.0\.0\.1:\d+/g, () => `server 127.0.0.1:${nodes[at++]}`)
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
    .replaceAll("/etc/nginx/tls", folder);
  assert.equal(at, nodes.length);
  const own = join(folder, "nginx");
  mkdirSync(own);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${kind};`);
  const file = join(own, "nginx.conf");
  writeFileSync(
    file,
    `pid nginx.pid; error_log stderr; events {} http { access_log off; ${paths.join(" ")}\n${configuration}}`,
  );
  const child = spawn("/usr/sbin/nginx", ["-p", own, "-c", file, "-g", "daemon off; master_process off;"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithThisProcess(child);
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  (child.stderr as Socket).unref();
  child.unref();
  await eventually("nginx listens", async () => {
    assert.equal(child.exitCode, null, output);
    return (await runProgram("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", HOST])).status ===
      0
      ? true
      : undefined;
  });
  return port;
}
