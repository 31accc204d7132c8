/** `countersign doctor`: what it finds on a real deployment and a broken one, and that it changes nothing. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { type Diagnosis, diagnose } from "../testkit/doctor.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { COUNTERSIGN, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";
import { environment, runProgram } from "../testkit/run-program.ts";

let postgres: TestPostgres;
const servers: TestServer[] = [];

before(async () => {
  postgres = await startPostgres();
});
after(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await postgres.stop();
});

/** A server whose doctor knows its ports. */
async function start(env: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const [port, adminPort] = [await reservePort(), await reservePort()];
  const own = { COUNTERSIGN_PORT: String(port), COUNTERSIGN_ADMIN_PORT: String(adminPort), ...env };
  const server = await startServer({ env: own, flags: ["--port", String(port), "--admin-port", String(adminPort)] });
  servers.push(server);
  return server;
}

/** The doctor on a folder without a server of its own. */
function commandIn(dataDir: string, env: Readonly<Record<string, string>> = {}): Pick<TestServer, "cli"> {
  const own = environment({
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_PORT: "1",
    COUNTERSIGN_ADMIN_PORT: "1",
    ...env,
  });
  return { cli: (...args) => runProgram(process.execPath, [COUNTERSIGN, ...args], { env: own }) };
}

/** Names, sizes, modes and times of a folder's files. */
function stateOf(folder: string) {
  return readdirSync(folder).map((name) => {
    const { size, mode, mtimeNs } = statSync(join(folder, name), { bigint: true });
    return [name, size, mode, mtimeNs];
  });
}

for (const engine of ["SQLite", "PostgreSQL"] as const) {
  test(`${engine}: a sound deployment has no fault, while it runs and when it has stopped, and stays as it is`, async () => {
    const env = engine === "SQLite" ? {} : { COUNTERSIGN_DATABASE_URL: await postgres.createDatabase() };
    const server = await start(env);
    const running = await diagnose(server, "--strict");
    assert.deepEqual(running.faults, []);
    assert.equal(running.status, 0);
    assert.equal(running.report.status, "ok");
    const checks = running.report.findings.filter(({ code }) => code === "ok").map(({ check }) => check);
    const own = engine === "SQLite" ? "damage" : "database";
    for (const check of ["files", "disk", "store", "secrets", "listeners", "nodes", "feed", "jobs", own]) {
      assert.ok(checks.includes(check), check);
    }
    await server.stop();
    const folder = stateOf(server.dataDir);
    const stopped = await diagnose(server, "--strict");
    assert.deepEqual([stopped.status, stopped.faults], [0, []]);
    assert.ok(stopped.report.findings.some(({ code }) => code === "not_serving"));
    assert.deepEqual(stateOf(server.dataDir), folder);
  });
}

test("without a store, the doctor says so and makes neither a folder nor a key", async () => {
  const parent = temporaryFolder();
  const { status, report } = await diagnose(commandIn(join(parent, "data")));
  assert.equal(status, 0);
  const codes = report.findings.map(({ code }) => code);
  assert.ok(codes.includes("data_folder_missing") && codes.includes("store_missing"));
  assert.deepEqual(readdirSync(parent), []);
  mkdirSync(join(parent, "data"), { mode: 0o700 });
  await diagnose(commandIn(join(parent, "data")));
  assert.deepEqual(readdirSync(join(parent, "data")), []);
});

test("a broken configuration is a list of findings, and the checks that don't depend on it are made", async () => {
  const secret = join(temporaryFolder(), "secret");
  writeFileSync(secret, randomBytes(32).toString("base64"));
  chmodSync(secret, 0o644);
  const { status, report, text } = await diagnose(
    commandIn(temporaryFolder(), {
      COUNTERSIGN_PROT: "8080",
      COUNTERSIGN_WORKERS: "none",
      COUNTERSIGN_DATABASE_URL: "postgres://u:hunter2@db.example/x",
      COUNTERSIGN_MASTER_SECRET_FILE: secret,
    }),
  );
  assert.equal(status, 1);
  const invalid = report.findings.filter(({ code }) => code === "setting_invalid").map(({ found }) => found);
  assert.deepEqual(
    invalid.map((found) => found.split(":")[0]),
    ["COUNTERSIGN_PROT", "COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_MASTER_SECRET_FILE", "COUNTERSIGN_WORKERS"],
  );
  assert.ok(report.findings.some(({ check, code }) => check === "store" && code === "not_checked"));
  assert.ok(report.findings.some(({ check, code }) => check === "disk" && code === "ok"));
  assert.doesNotMatch(text, /hunter2/);
});

test("faults of the store's files are found: a mode, another master secret, a missing migration, a restored store", async () => {
  const server = await start();
  await server.json("account", "create", "acme");
  const backup = join(temporaryFolder(), "backup.db");
  await server.cli("backup", backup);
  await server.json("account", "create", "later");
  await server.stop();
  const { dataDir } = server;
  const database = join(dataDir, "countersign.db");

  chmodSync(join(dataDir, "master.key"), 0o640);
  const open = await diagnose(server);
  assert.deepEqual([open.status, open.faults], [1, ["file_refused", "master_secret_missing"]]);
  assert.match(open.text, /chmod 600/);
  chmodSync(join(dataDir, "master.key"), 0o600);

  chmodSync(database, 0o644);
  assert.deepEqual((await diagnose(server)).faults, ["file_open_to_others"]);
  assert.equal(statSync(database).mode & 0o777, 0o644);
  chmodSync(database, 0o600);

  const env = { COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64") };
  const other = await diagnose(commandIn(dataDir, env));
  assert.deepEqual([other.status, other.faults], [1, ["master_secret_wrong"]]);
  assert.ok(!other.text.includes(env.COUNTERSIGN_MASTER_SECRET));

  rmSync(join(dataDir, "master.key"));
  assert.deepEqual((await diagnose(server)).faults, ["master_secret_missing"]);
  assert.ok(!readdirSync(dataDir).includes("master.key"));

  const later = readFileSync(database);
  writeFileSync(database, readFileSync(backup));
  const restored = await diagnose(commandIn(dataDir, env));
  assert.ok(restored.faults.includes("store_restored"), restored.text);
  assert.match(restored.text, /account\.created/);
  writeFileSync(database, later);

  const sql = new DatabaseSync(database);
  sql.exec("insert into kysely_migration (name, timestamp) values ('0999-later', '')");
  sql.close();
  assert.deepEqual((await diagnose(commandIn(dataDir, env))).faults, ["schema_newer"]);
});

test("a database that can't be reached and a gateway that isn't there are findings within the time limit", async () => {
  const env = {
    // Nothing listens at these ports of this machine.
    COUNTERSIGN_DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/x",
    COUNTERSIGN_PUBLIC_URL: "https://127.0.0.1:1",
    COUNTERSIGN_OIDC_ISSUER: "http://127.0.0.1:1",
    COUNTERSIGN_OIDC_CLIENT_ID: "countersign",
    COUNTERSIGN_OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests",
    COUNTERSIGN_OIDC_ROLES: "staff=viewer",
  };
  const { status, faults, report, text } = await diagnose(commandIn(temporaryFolder(), env), "--ntp", "127.0.0.1:1");
  assert.equal(status, 1);
  assert.deepEqual(faults, [
    "certificate_unusable",
    "ntp_silent",
    "proxy_unnamed",
    "sso_unreachable",
    "store_unreachable",
  ]);
  assert.ok(report.findings.some(({ check, code }) => check === "exposure" && code === "not_checked"));
  assert.doesNotMatch(text, /hunter2|a-client-secret/);
});

test("another program at the listener's port isn't taken for the service", async () => {
  const [first, second] = [await start(), await start()];
  const ports = ["--port", new URL(second.publicUrl).port, "--admin-port", new URL(second.adminUrl).port];
  const { status, faults } = await diagnose(first, ...ports);
  assert.deepEqual([status, faults], [1, ["listener_foreign"]]);
});

test("the same master secret with another store isn't taken for this service", async () => {
  const env = { COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64") };
  const [first, second] = [await start(env), await start(env)];
  const ports = ["--port", new URL(second.publicUrl).port, "--admin-port", new URL(second.adminUrl).port];
  assert.deepEqual((await diagnose(first, ...ports)).faults, ["store_other"]);
});

test("the text names each finding's severity in words, and no colour is in it; --strict fails for a warning", async () => {
  const command = commandIn(temporaryFolder(), { COUNTERSIGN_REFUSAL_LIMIT: "0" });
  const { status, stdout } = await command.cli("doctor");
  assert.equal(status, 0);
  assert.match(stdout, /^Configuration\n  ! warning +COUNTERSIGN_REFUSAL_LIMIT is 0/m);
  assert.match(stdout, /^ +→ Leave COUNTERSIGN_REFUSAL_LIMIT out/m);
  assert.match(stdout, /0 error\(s\), 1 warning\(s\)/);
  assert.ok(!stdout.includes("\u001b"));
  for (const line of stdout.split("\n")) assert.ok(line.length <= 100, line);
  assert.equal((await command.cli("doctor", "--strict")).status, 1);
  assert.equal((await command.cli("doctor", "--ntp", "a b")).status, 2);
});

test("the probe's path doesn't exist for anybody who lacks the master secret", async () => {
  const server = await start();
  const ask = async (headers: Record<string, string>) => {
    const answer = await fetch(`${server.publicUrl}/api/auth/v0/probe/`, { headers });
    return [answer.status, ((await answer.json()) as { meta: { errors: unknown } }).meta.errors];
  };
  const other = (await (await fetch(`${server.publicUrl}/api/auth/v0/nothing/`)).json()) as {
    meta: { errors: { docs?: string }[] };
  };
  for (const headers of [{}, { "countersign-probe": "x" }, { "countersign-probe": "A".repeat(72) }]) {
    assert.deepEqual(await ask(headers), [404, other.meta.errors]);
  }
});

test("a running node reports on itself to admins of all accounts, with one examination for everybody who asks", async () => {
  const server = await start({ COUNTERSIGN_REFUSAL_LIMIT: "0" });
  const tokenOf = async (name: string, ...flags: string[]) =>
    (await server.json<{ token: string }>("admin-token", "create", name, ...flags)).token;
  const ask = (token: string) =>
    fetch(`${server.adminUrl}/api/admin/v1/doctor`, { headers: { authorization: `Bearer ${token}` } });
  await server.json("account", "create", "acme");
  const admin = await tokenOf("admin", "--role", "admin");
  const [first, second] = await Promise.all([ask(admin), ask(admin)]);
  assert.equal(first.status, 200);
  const text = await first.text();
  assert.equal(await second.text(), text);
  const { data } = JSON.parse(text) as { data: Diagnosis["report"] & { examined_at: string } };
  assert.ok(Date.parse(data.examined_at) > 0);
  assert.equal(data.status, "warning");
  const codes = new Map(data.findings.map(({ check, code }) => [check, code]));
  assert.equal(data.findings.find(({ severity }) => severity === "warning")?.code, "refusal_limit_off");
  for (const check of ["runtime", "limits", "files", "disk", "store", "clock", "secrets", "nodes", "feed", "jobs"]) {
    assert.equal(codes.get(check), "ok", check);
  }
  // What shows only from outside is the command's.
  for (const check of ["public_url", "exposure", "listeners"]) assert.ok(!codes.has(check), check);
  assert.equal((await ask(await tokenOf("viewer", "--role", "viewer"))).status, 403);
  assert.equal((await ask(await tokenOf("of-acme", "--role", "admin", "--account", "acme"))).status, 403);
  assert.equal((await fetch(`${server.adminUrl}/api/admin/v1/doctor`)).status, 401);
});

test("a service that keeps nothing in its data folder needs none", async () => {
  const server = await start({
    COUNTERSIGN_DATABASE_URL: await postgres.createDatabase(),
    COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
    COUNTERSIGN_DATA_DIR: join(temporaryFolder(), "none"),
  });
  const { token } = await server.json<{ token: string }>("admin-token", "create", "admin", "--role", "admin");
  const headers = { authorization: `Bearer ${token}` };
  const own = (await (await fetch(`${server.adminUrl}/api/admin/v1/doctor`, { headers })).json()) as {
    data: Diagnosis["report"];
  };
  const { report } = await diagnose(server);
  for (const { findings } of [own.data, report]) {
    assert.deepEqual(
      findings.filter(({ check }) => check === "files" || check === "disk").map(({ code }) => code),
      ["ok"],
    );
  }
});

test("a service at Unix sockets, and one that has a single listener, are found where they are", async () => {
  const folder = temporaryFolder();
  const env = {
    COUNTERSIGN_HOST: `unix:${folder}/public.sock`,
    COUNTERSIGN_ADMIN_HOST: `unix:${folder}/internal.sock`,
    COUNTERSIGN_TRUSTED_PROXIES: "unix:",
  };
  const server = await start(env);
  const { status, faults, report, text } = await diagnose(server);
  assert.deepEqual([status, faults], [0, []], text);
  const listeners = report.findings.find(({ check }) => check === "listeners");
  assert.equal(listeners?.code, "ok");
  assert.match(listeners?.found ?? "", /public\.sock and unix:.*internal\.sock/);
  // The other listener belongs to another process, which needn't run.
  const alone = await diagnose(server, "--listen-only", "internal", "--host", "127.0.0.1", "--port", "1");
  assert.deepEqual(alone.faults, []);
});
