/**
 * A store that can be read but not written: its disk is full, its file system is read-only, another process holds its
 * lock. Changes are refused with the reason and are never made later; exchanges, checks and reads keep working; no
 * restart is needed.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, describe, test, type TestContext } from "node:test";
import { type AdminClient, openAdminApi } from "../testkit/admin-client.ts";
import { eventually } from "../testkit/eventually.ts";
import { environment } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { createApiUser, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";
import { mountReadOnly, mountSmallDisk, type SmallDisk } from "../testkit/small-disk.ts";

/** A server with an API user, and clients of it. */
interface Scene {
  readonly server: TestServer;
  readonly admin: AdminClient;
  readonly username: string;
  readonly exchange: () => Promise<{ readonly status: number; readonly token: string }>;
  readonly checkStatus: (token: string) => Promise<number>;
  readonly ready: (
    url: string,
  ) => Promise<{ readonly status: number; readonly body: Readonly<Record<string, string>> }>;
  readonly writable: () => Promise<string | undefined>;
  readonly label: () => Promise<string | null>;
}

async function openScene(dataDir: string): Promise<Scene> {
  const server = await startServer({ dataDir });
  const { username, privateKeyFile } = await createApiUser(server);
  const privateKey = createPrivateKey(readFileSync(privateKeyFile));
  const { token } = await server.json<{ token: string }>("admin-token", "create", "test", "--role", "owner");
  const admin = (await openAdminApi(server)).client.as({ bearer: token });
  return {
    server,
    admin,
    username,
    async exchange() {
      const headers = { authorization: `JWT ${signAssertion(username, privateKey)}` };
      const answer = await fetch(`${server.publicUrl}/api/auth/v0/refresh/`, { headers });
      const { data } = (await answer.json()) as { data: { token?: string } };
      return { status: answer.status, token: data.token ?? "" };
    },
    async checkStatus(checked) {
      const headers = { authorization: `Token ${checked}` };
      const answer = await fetch(`${server.publicUrl}/api/auth/v0/check/`, { headers });
      await answer.arrayBuffer();
      return answer.status;
    },
    async ready(url) {
      const answer = await fetch(`${url}/readyz`);
      return { status: answer.status, body: (await answer.json()) as Readonly<Record<string, string>> };
    },
    async writable() {
      const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
      return /^countersign_store_writable (\d)$/m.exec(text)?.[1];
    },
    label: async () => (await admin.get("/keys/1")).body.data.label as string | null,
  };
}

const cli = (dataDir: string, ...args: string[]) =>
  runCountersign(args, { env: environment({ COUNTERSIGN_DATA_DIR: dataDir }) });

const READY = { status: "ready" };

describe("on a full disk", { concurrency: 1 }, () => {
  let disk: SmallDisk | string;
  let scene: Scene | undefined;

  before(async () => {
    disk = await mountSmallDisk(4);
    if (typeof disk === "string") return;
    const dataDir = join(disk.path, "data");
    mkdirSync(dataDir, { mode: 0o700 });
    scene = await openScene(dataDir);
  });
  after(async () => {
    await scene?.server.stop();
    if (typeof disk !== "string") await disk?.unmount();
  });

  /** Fills the disk, and changes a key until that fails: the write-ahead log may still have room. */
  async function fillUp({ admin }: Scene, { fill }: SmallDisk) {
    return eventually("a change is refused", async () => {
      fill();
      const changed = await admin.patch("/keys/1", { label: `filling ${"x".repeat(50)} ${Math.random()}` });
      return changed.status === 200 ? undefined : changed;
    });
  }

  const prepared = (t: TestContext) => {
    if (typeof disk !== "string" && scene !== undefined) return { disk, scene };
    t.skip(typeof disk === "string" ? disk : "the server didn't start");
    return undefined;
  };

  test("a change is 503 with the reason, exchanges and checks keep working, and changes work again once there is room", async (t) => {
    const ready = prepared(t);
    if (ready === undefined) return;
    const { server, admin, exchange, checkStatus, ready: readiness, writable, label } = ready.scene;
    assert.deepEqual(await readiness(server.adminUrl), { status: 200, body: READY });
    assert.equal(await writable(), "1");
    const refused = await fillUp(ready.scene, ready.disk);
    assert.deepEqual([refused.status, refused.code], [503, "unavailable"]);
    const [error] = refused.body.meta.errors as [{ message: string }];
    assert.equal(error.message, "The store can't be written: the disk is full. Nothing was changed.");
    assert.equal(refused.headers.get("retry-after"), "1");
    const kept = await label();

    const minted = await exchange();
    assert.equal(minted.status, 200);
    assert.equal(await checkStatus(minted.token), 200);
    const degraded = { status: "ready", degraded: "changes can't be made right now" };
    assert.deepEqual(await readiness(server.publicUrl), { status: 200, body: degraded });
    assert.deepEqual(await readiness(server.adminUrl), {
      status: 503,
      body: { status: "not_ready", reason: "changes can't be made: the disk is full" },
    });
    assert.equal(await writable(), "0");
    assert.equal(await label(), kept);
    await eventually("the log says it", () =>
      /"reason":"the disk is full".*"the store can't be written;/.test(server.stderr()),
    );
    assert.doesNotMatch(server.stderr(), /rollback/);

    ready.disk.makeRoom();
    const changed = await admin.patch("/keys/1", { label: "roomy" });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(await label(), "roomy");
    assert.deepEqual(await readiness(server.adminUrl), { status: 200, body: READY });
    assert.deepEqual(await readiness(server.publicUrl), { status: 200, body: READY });
    await eventually("the log says so", () => server.stderr().includes("the store can be written again"));
    assert.equal((await server.cli("audit", "verify")).status, 0);
  });

  test("a command and a start report it in one line, and leave neither a private key nor half a store behind", async (t) => {
    const ready = prepared(t);
    if (ready === undefined) return;
    const { server, username } = ready.scene;
    const idle = join(ready.disk.path, "idle");
    assert.equal((await cli(idle, "account", "create", "acme")).status, 0);
    await fillUp(ready.scene, ready.disk);
    const outside = join(temporaryFolder(), "private.pem");
    const inside = join(ready.disk.path, "private.pem");
    for (const args of [
      ["account", "create", "full"],
      ["key", "generate", username, "--out", outside],
      ["key", "generate", username, "--out", inside],
      ["backup", join(ready.disk.path, "backup.db")],
    ]) {
      const { status, stdout, stderr } = await server.cli(...args);
      assert.equal(status, 1, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr, /^countersign: [^\n]*the disk is full[^\n]*\n$/, args.join(" "));
      assert.doesNotMatch(stderr, /rollback|SQLITE/);
    }
    assert.ok(!existsSync(outside) && !existsSync(inside), "no private key without its public half");
    assert.ok(!existsSync(join(ready.disk.path, "backup.db")));
    const elsewhere = join(ready.disk.path, "new");
    for (const [folder, ...args] of [
      [elsewhere, "serve", "--port", "0", "--admin-port", "0"],
      [idle, "serve", "--port", "0", "--admin-port", "0"],
      // Opening a store that no other process has open creates files beside it.
      [idle, "account", "list"],
    ] as const) {
      const { status, stderr } = await cli(folder, ...args);
      assert.equal(status, 1, args.join(" "));
      assert.match(stderr, /^countersign: [^\n]*the disk is full[^\n]*\n$/, args.join(" "));
    }
    const left = readdirSync(ready.disk.path).filter((name) => name.includes("partial"));
    assert.deepEqual(left, [], "no unfinished copy");
    ready.disk.makeRoom();
    assert.equal((await server.cli("account", "create", "roomy")).status, 0);
    for (const folder of [elsewhere, idle]) {
      const begun = await cli(folder, "account", "create", "roomy");
      assert.equal(begun.status, 0, `a failed start doesn't prevent the next one: ${begun.stderr}`);
    }
  });
});

test("on a read-only file system a command and a start report it in one line", async (t) => {
  const dataDir = temporaryFolder();
  assert.equal((await cli(dataDir, "account", "create", "acme")).status, 0);
  const before = statSync(join(dataDir, "countersign.db")).mtimeMs;
  const mounted = await mountReadOnly(dataDir);
  if (typeof mounted === "string") {
    t.skip(mounted);
    return;
  }
  try {
    for (const args of [
      ["account", "create", "other"],
      ["serve", "--port", "0", "--admin-port", "0"],
    ]) {
      const { status, stderr } = await cli(mounted.path, ...args);
      assert.equal(status, 1);
      assert.match(stderr, /^countersign: [^\n]*read-only[^\n]*\n$/);
    }
  } finally {
    await mounted.unmount();
  }
  assert.equal(statSync(join(dataDir, "countersign.db")).mtimeMs, before);
});

describe("while another process holds the store's write lock", { concurrency: 1 }, () => {
  let scene: Scene;
  let other: DatabaseSync;

  before(async () => {
    scene = await openScene(temporaryFolder());
    other = new DatabaseSync(join(scene.server.dataDir, "countersign.db"), { timeout: 10_000 });
  });
  afterEach(() => {
    if (other.isTransaction) other.exec("rollback");
  });
  after(async () => {
    other?.close();
    await scene?.server.stop();
  });

  test("reads are answered, changes are refused at their deadline, and none is made once the lock is free", async () => {
    const { server, admin, exchange, checkStatus, label } = scene;
    const { token } = await server.json<{ token: string }>("admin-token", "create", "unused", "--role", "viewer");
    other.exec("begin immediate");
    const changes = Array.from({ length: 8 }, (_, index) => admin.patch("/keys/1", { label: `late ${index}` }));
    // The first use of an admin token is recorded; the request doesn't wait for that.
    const unused = admin.as({ bearer: token });
    assert.equal((await unused.get("/keys/1")).status, 200);
    const minted = await exchange();
    assert.equal(minted.status, 200);
    assert.equal(await checkStatus(minted.token), 200);
    for (const args of [
      ["account", "list"],
      ["key", "list", scene.username],
      ["check", minted.token],
      ["audit", "verify"],
    ]) {
      const { status, stderr } = await server.cli(...args);
      assert.equal(status, 0, `${args[0]} ${args[1]}: ${stderr}`);
    }
    for (const change of await Promise.all(changes)) {
      assert.deepEqual([change.status, change.code], [503, "unavailable"]);
      const [error] = change.body.meta.errors as [{ message: string }];
      assert.equal(
        error.message,
        "The store can't be written: another process has held its write lock for 5 s. Nothing was changed.",
      );
    }
    const { status, stderr } = await server.cli("account", "create", "late");
    assert.equal(status, 1);
    assert.equal(
      stderr,
      "countersign: The store can't be written: another process has held its write lock for 5 s. Nothing was changed.\n",
    );
    other.exec("rollback");
    const changed = await admin.patch("/keys/1", { label: "in time" });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(await label(), "in time");
    const labels = (await admin.get("/audit-events?limit=100")).text.match(/late \d/g);
    assert.equal(labels, null, "no late change was ever made");
  });
});
