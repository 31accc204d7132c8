/** `countersign audit stream` as a service manager runs it: on both engines, killed, restarted, with its receiver gone, over TLS. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { after, before, describe, test } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { endWithThisProcess, environment } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { COUNTERSIGN, startServer, temporaryFolder } from "../testkit/server.ts";

interface Shown {
  readonly seq: number;
  readonly action: string;
  readonly hash: string;
}

describe("the audit stream", { concurrency: 1 }, () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  /** A store, and commands on it. */
  function openStore(variables: Readonly<Record<string, string>> = {}) {
    const env = environment({ COUNTERSIGN_DATA_DIR: temporaryFolder(), ...variables });
    const run = (...args: readonly string[]) => runCountersign(args, { input: "", env });
    return {
      run,
      async createAccounts(...names: readonly string[]) {
        for (const name of names) assert.equal((await run("account", "create", name)).status, 0);
      },
      async list() {
        return JSON.parse((await run("audit", "list", "--limit", "9999", "--json")).stdout) as readonly Shown[];
      },
      stream: (...args: readonly string[]) => streamBy(env, ...args),
    };
  }

  function streamBy(env: NodeJS.ProcessEnv, ...args: readonly string[]) {
    const child = spawn(process.execPath, [COUNTERSIGN, "audit", "stream", ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    endWithThisProcess(child);
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (text: Buffer) => (output.stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (output.stderr += text.toString()));
    return { child, output };
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const ended = once(child, "exit");
    child.kill(signal);
    const [status] = (await ended) as [number | null];
    return status;
  }

  const eventsIn = (file: string) =>
    (existsSync(file) ? readFileSync(file, "utf8") : "")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Shown);

  for (const engine of ["SQLite", "PostgreSQL"] as const) {
    test(`on ${engine} writes each event to a file as the list shows it, also across a kill and a rotation`, async () => {
      const url = engine === "SQLite" ? {} : { COUNTERSIGN_DATABASE_URL: await postgres.createDatabase() };
      const store = openStore(url);
      await store.createAccounts("a", "b");
      const folder = temporaryFolder();
      const [file, position] = [join(folder, "audit.log"), join(folder, "position")];
      const words = ["--to", `file:${file}`, "--position", position];
      const first = store.stream(...words);
      await eventually("the first events", () => eventsIn(file).length >= 2);
      await end(first.child, "SIGKILL");
      const old = readFileSync(position);
      await store.createAccounts("c");
      const second = store.stream(...words);
      await eventually("the event made while it was down", () => eventsIn(file).some(({ seq }) => seq === 3));
      // logrotate's postrotate; the process must live on.
      renameSync(file, `${file}.1`);
      second.child.kill("SIGHUP");
      await store.createAccounts("d");
      await eventually("the event in the new file", () => eventsIn(file).some(({ seq }) => seq === 4));
      assert.equal(await end(second.child), 0);
      assert.equal(second.output.stderr, "");
      const all = await store.list();
      const unique = new Map([...eventsIn(`${file}.1`), ...eventsIn(file)].map((event) => [event.seq, event]));
      assert.deepEqual([...unique.values()], all);
      // Killed after the receiver got the events, and before the position was written: they come again.
      writeFileSync(position, old);
      const third = store.stream(...words);
      await eventually("the repeated event", () => eventsIn(file).filter(({ seq }) => seq === 4).length === 2);
      assert.equal(await end(third.child), 0);
    });
  }

  test("from a server passes on the same events, waits while the server is down, and ends with its token", async () => {
    const server = await startServer();
    const made = async (name: string) =>
      server.json<{ token: string }>("admin-token", "create", name, "--role", "viewer");
    const { token } = await made("siem");
    const remote = environment({ COUNTERSIGN_ADMIN_URL: server.adminUrl, COUNTERSIGN_ADMIN_TOKEN: token });
    const folder = temporaryFolder();
    const file = join(folder, "audit.log");
    const words = ["--to", `file:${file}`, "--position", join(folder, "position")];
    const stream = streamBy(remote, ...words);
    await server.json("account", "create", "acme", "--name", "Zoë 👩‍🚀");
    await eventually("the first events", () => eventsIn(file).length >= 2);
    await server.stop();
    await eventually("the note", () => stream.output.stderr.includes("trying again"));
    const again = await startServer({
      dataDir: server.dataDir,
      flags: ["--admin-port", new URL(server.adminUrl).port],
    });
    await again.json("account", "create", "later");
    await eventually("the event after the pause", () =>
      eventsIn(file).some(({ action, seq }) => action === "account.created" && seq > 2),
    );
    await eventually("the other note", () => stream.output.stderr.endsWith("it works again\n"));
    const listed = async () => again.json<readonly Shown[]>("audit", "list", "--limit", "9999");
    assert.deepEqual(eventsIn(file), (await listed()).slice(0, eventsIn(file).length));
    const ended = once(stream.child, "exit");
    await again.json("admin-token", "revoke", "--yes", "siem");
    assert.deepEqual(await ended, [1, null]);
    assert.match(stream.output.stderr, /doesn't accept the admin token/);
    // A token of one account sees no hashes, so it can't pass the log on.
    const { token: limited } = await again.json<{ token: string }>(
      "admin-token",
      "create",
      "part",
      "--role",
      "viewer",
      "--account",
      "acme",
    );
    const refused = streamBy({ ...remote, COUNTERSIGN_ADMIN_TOKEN: limited }, ...words);
    assert.deepEqual(await once(refused.child, "exit"), [1, null]);
    assert.match(refused.output.stderr, /role|account/i);
    await again.stop();
  });

  test("waits for a syslog server over TLS, and gives it everything when it is there", async () => {
    const store = openStore();
    await store.createAccounts("a");
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...name];
    execFileSync("openssl", make, { stdio: "ignore" });
    let received = "";
    const makeServer = () =>
      createServer(
        { key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(cert), requestCert: true },
        (socket) => {
          socket.on("data", (bytes: Buffer) => (received += bytes.toString()));
          socket.on("error", () => undefined);
        },
      );
    const placeholder = makeServer().listen(0, "127.0.0.1");
    await once(placeholder, "listening");
    const { port } = placeholder.address() as AddressInfo;
    placeholder.close();
    await once(placeholder, "close");
    const words = [
      "--to",
      `syslog+tls://127.0.0.1:${port}`,
      "--position",
      join(folder, "position"),
      "--tls-ca",
      cert,
      "--tls-cert",
      cert,
      "--tls-key",
      key,
    ];
    const { child, output } = store.stream(...words);
    await eventually("a line about the receiver", () => output.stderr.includes("ECONNREFUSED"));
    assert.equal(output.stderr, "countersign: audit stream: ECONNREFUSED; trying again\n");
    const server = makeServer().listen(port, "127.0.0.1");
    await eventually("the event", () => received.includes('"seq":1,'));
    await eventually("a line that it works", () => output.stderr.endsWith("it works again\n"));
    assert.match(
      received,
      /^\d+ <110>1 \S+ \S+ countersign \d+ account\.created \[countersign@32473 seq="1" .*\] \{"seq":1,.*\}$/,
    );
    assert.equal(await end(child), 0);
    server.close();
  });

  test("ends with a line and status 1 if the store was restored", async () => {
    const store = openStore();
    await store.createAccounts("a", "b");
    const position = join(temporaryFolder(), "position");
    const { child, output } = store.stream("--to", "stdout", "--position", position);
    await eventually("both events", () => output.stdout.split("\n").length === 3);
    await end(child);
    const { store_id: storeId } = JSON.parse(readFileSync(position, "utf8")) as { store_id: string };
    writeFileSync(position, JSON.stringify({ form: 1, store_id: storeId, seq: 2, hash: "0".repeat(64) }));
    const result = await store.run("audit", "stream", "--to", "stdout", "--position", position);
    assert.deepEqual([result.status, result.stdout], [1, ""]);
    assert.match(
      result.stderr,
      /^countersign: The audit log doesn't continue event 2 \(hash 0{64}\), the last that was passed on: the store was restored or altered\./,
    );
  });

  test("refuses receivers that it doesn't know", async () => {
    const store = openStore();
    await store.createAccounts("a");
    const status = async (...words: readonly string[]) =>
      (await store.run("audit", "stream", "--position", "/tmp/unused", ...words)).status;
    for (const to of [
      "syslog://h",
      "syslog+tcp://h",
      "syslog+udp://",
      "syslog+tls://u:p@h",
      "syslog+tls://h/x",
      "file:",
      "kafka:x",
    ]) {
      assert.equal(await status("--to", to), 2, to);
    }
    assert.equal(await status("--to", "stdout", "--tls-ca", "x"), 2);
    assert.equal(await status("--to", "stdout", "--from", "-1"), 2);
    assert.equal(await status("--to", "file:///tmp/../tmp/unused"), 2, "the position file");
  });
});
