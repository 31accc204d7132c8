/**
 * Stores that begin anew, are restored or are replaced: a token never becomes another user's, and no undone change goes
 * unnoticed.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres } from "../testkit/postgres.ts";
import {
  createApiUser,
  createKey,
  startServer,
  tokenCommand,
  type ServerOptions,
  temporaryFolder,
  type TestApiUser,
  type TestServer,
} from "../testkit/server.ts";

async function start(t: TestContext, options: ServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  t.after(() => server.stop());
  return server;
}

async function tokenOf(server: TestServer, { username, privateKeyFile }: TestApiUser): Promise<string> {
  const asked = tokenCommand(server, { username, privateKeyFile });
  return (await server.json<{ token: string }>(...asked)).token;
}

/** The check's status, and the user that it names. */
async function check(server: TestServer, token: string): Promise<readonly [number, string | null]> {
  const headers = { authorization: `Token ${token}` };
  const answer = await fetch(`${server.publicUrl}/api/auth/v0/check/`, { headers });
  await answer.arrayBuffer();
  return [answer.status, answer.headers.get("x-auth-username")];
}

describe("an empty store under the master secret of another", () => {
  const masterSecret = { COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64") };

  /** Revokes a key in one store; in the next store, another user's key has its id. */
  async function beginAnew(t: TestContext, [first, second]: readonly [ServerOptions, ServerOptions]): Promise<void> {
    const before = await start(t, first);
    const user = await createApiUser(before);
    const dead = await tokenOf(before, user);
    await before.json("key", "revoke", "--yes", String(user.keyId));
    await before.stop();
    const after = await start(t, second);
    const successor = await createApiUser(after, { account: "other", name: "someone-else" });
    assert.equal(successor.keyId, user.keyId, "the id is used again");
    assert.deepEqual(await check(after, dead), [401, null]);
    assert.deepEqual(await check(after, await tokenOf(after, successor)), [200, successor.username]);
  }

  test("accepts none of its tokens, on SQLite", async (t) => {
    await beginAnew(t, [{ env: masterSecret }, { env: masterSecret }]);
  });

  test("accepts none of its tokens, on PostgreSQL", async (t) => {
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const [first, second] = [await postgres.createDatabase(), await postgres.createDatabase()];
    const env = (url: string) => ({ env: { ...masterSecret, COUNTERSIGN_DATABASE_URL: url } });
    await beginAnew(t, [env(first), env(second)]);
  });
});

const databaseOf = ({ dataDir }: { readonly dataDir: string }) => join(dataDir, "countersign.db");

/** Replaces a stopped server's database with a copy, as docs/operations.md describes. */
function restore(server: TestServer, copy: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${databaseOf(server)}${suffix}`, { force: true });
  copyFileSync(copy, databaseOf(server));
}

/**
 * A server with a user, a backup of it, and a key that was added and revoked after the backup, so that its token is
 * dead.
 */
async function revokeAfterBackup(t: TestContext): Promise<{
  readonly server: TestServer;
  readonly user: TestApiUser;
  readonly backup: string;
  readonly revoked: TestApiUser;
  readonly dead: string;
}> {
  const server = await start(t, {});
  const user = await createApiUser(server);
  const backup = join(temporaryFolder(), "backup.db");
  await server.json("backup", backup);
  const revoked = { username: user.username, ...(await createKey(server, user.username)) };
  const dead = await tokenOf(server, revoked);
  await server.json("key", "revoke", "--yes", String(revoked.keyId));
  await eventually("the revocation has taken effect", async () => (await check(server, dead))[0] === 403);
  await server.stop();
  return { server, user, backup, revoked, dead };
}

describe("a restored backup", () => {
  test("isn't served before it is accepted: the refusal lists what was undone, and the command line refuses too", async (t) => {
    const { server, backup, revoked } = await revokeAfterBackup(t);
    restore(server, backup);
    const undone = new RegExp(`key.added key:${revoked.keyId} .*key.revoked key:${revoked.keyId} .*store accept`);
    await assert.rejects(startServer({ dataDir: server.dataDir }), undone);
    await assert.rejects(startServer({ dataDir: server.dataDir, flags: ["--workers", "2"] }), undone);
    const listed = await server.cli("account", "list");
    assert.equal(listed.status, 1);
    assert.match(listed.stderr, undone);
    // The end of its log may be read.
    assert.equal((await server.cli("audit", "list")).status, 0);
    await assert.rejects(startServer({ dataDir: server.dataDir }), undone, "reading doesn't accept it");
  });

  test("that was accepted ends all earlier tokens, lists what was undone, and reuses no id", async (t) => {
    const { server, user, backup, revoked, dead } = await revokeAfterBackup(t);
    restore(server, backup);
    const accepted = await server.json<{
      undone: { action: string; subject: string }[];
      retired_signing_keys: number[];
    }>("store", "accept", "--yes");
    const undone = accepted.undone.map(({ action, subject }) => `${action} ${subject}`);
    assert.deepEqual(
      undone.filter((each) => each.startsWith("key.")),
      [`key.added key:${revoked.keyId}`, `key.revoked key:${revoked.keyId}`],
    );
    assert.deepEqual(accepted.retired_signing_keys, [1]);
    const restored = await start(t, { dataDir: server.dataDir });
    assert.deepEqual(await check(restored, dead), [401, null]);
    const successor = await createApiUser(restored, { account: "other", name: "someone-else" });
    assert.ok(successor.keyId > revoked.keyId, "the revoked key's id isn't reused");
    assert.deepEqual(await check(restored, await tokenOf(restored, user)), [200, user.username]);
    assert.deepEqual(await check(restored, dead), [401, null]);
    assert.equal((await restored.cli("audit", "verify")).status, 0);
    await restored.stop();
    await (await start(t, { dataDir: server.dataDir })).stop();
  });

  test("is recognised on another machine too, where no position is remembered", async (t) => {
    const { server, backup, dead } = await revokeAfterBackup(t);
    const dataDir = temporaryFolder();
    copyFileSync(backup, join(dataDir, "countersign.db"));
    copyFileSync(join(server.dataDir, "master.key"), join(dataDir, "master.key"));
    await assert.rejects(
      startServer({ dataDir }),
      /the store is a backup of \d{4}-.*whatever was changed after that is undone/,
    );
    const env = { COUNTERSIGN_DATA_DIR: dataDir };
    assert.equal((await server.cli("store", "accept", "--yes", "--data-dir", dataDir)).status, 0);
    const restored = await start(t, { dataDir, env });
    const successor = await createApiUser(restored, { account: "other", name: "someone-else" });
    assert.deepEqual(await check(restored, dead), [401, null]);
    assert.deepEqual(await check(restored, await tokenOf(restored, successor)), [200, successor.username]);
  });

  test("is noticed even if it is a plain copy of the file; a copy that lost nothing is served", async (t) => {
    const first = await start(t, {});
    const user = await createApiUser(first);
    await first.stop();
    const copy = join(temporaryFolder(), "copy.db");
    copyFileSync(databaseOf(first), copy);
    restore(first, copy);
    const second = await start(t, { dataDir: first.dataDir });
    await second.json("key", "revoke", "--yes", String(user.keyId));
    // As after a crash: no work is done at the end.
    await second.kill();
    restore(second, copy);
    await assert.rejects(startServer({ dataDir: first.dataDir }), /are undone: .*key.revoked key:1 /);
  });

  test("is noticed even if its folder has no remembered position, and dead tokens stay dead", async (t) => {
    const first = await start(t, {});
    const user = await createApiUser(first);
    const token = await tokenOf(first, user);
    await first.stop();
    // As if only the database and the key had been copied, from any day.
    rmSync(join(first.dataDir, "countersign.position"));
    await assert.rejects(
      startServer({ dataDir: first.dataDir }),
      /came without its countersign\.position.*Bring countersign\.position along .*store accept/,
    );
    await first.json("store", "accept", "--yes");
    const second = await start(t, { dataDir: first.dataDir });
    assert.deepEqual(await check(second, token), [401, null]);
    assert.deepEqual(await check(second, await tokenOf(second, user)), [200, user.username]);
  });

  test("is distinguished from another store, which needs a data folder of its own instead of being accepted", async (t) => {
    const [first, other] = [await start(t, {}), await start(t, {})];
    await Promise.all([first.stop(), other.stop()]);
    for (const name of ["countersign.db", "master.key"])
      copyFileSync(join(other.dataDir, name), join(first.dataDir, name));
    await assert.rejects(
      startServer({ dataDir: first.dataDir }),
      /isn't the one that was served from here .*both are in use, give this one a data folder of its own/,
    );
  });

  test("is noticed on PostgreSQL by a node that remembers the store", async (t) => {
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const masterSecret = randomBytes(32).toString("base64");
    const url = await postgres.createDatabase();
    const dataDir = temporaryFolder();
    const env = { COUNTERSIGN_DATABASE_URL: url, COUNTERSIGN_MASTER_SECRET: masterSecret };
    const server = await start(t, { dataDir, env });
    await createApiUser(server);
    await server.stop();
    const older = new URL(url);
    older.pathname = "/older";
    await postgres.query(`create database older template ${new URL(url).pathname.slice(1)}`);
    const again = await start(t, { dataDir, env });
    await again.json("key", "revoke", "--yes", "1");
    await again.stop();
    const restored = { dataDir, env: { ...env, COUNTERSIGN_DATABASE_URL: older.href } };
    await assert.rejects(startServer(restored), /the store was restored.*key.revoked key:1.*store accept/);
  });
});

describe("a master key without its database", () => {
  for (const [name, lose] of [
    ["is gone", rmSync],
    ["is empty", (file: string) => writeFileSync(file, "")],
  ] as const) {
    test(`whose file ${name}: no empty store replaces it, unless --new-store is given`, async (t) => {
      const before = await start(t, {});
      const user = await createApiUser(before);
      const dead = await tokenOf(before, user);
      await before.stop();
      for (const suffix of ["-wal", "-shm"]) rmSync(`${databaseOf(before)}${suffix}`, { force: true });
      lose(databaseOf(before));
      const refused = /countersign\.db is missing or empty; restore it, .*--new-store/;
      await assert.rejects(startServer({ dataDir: before.dataDir }), refused);
      const created = await before.cli("account", "create", "acme");
      assert.equal(created.status, 1);
      assert.match(created.stderr, refused);
      const after = await start(t, { dataDir: before.dataDir, flags: ["--new-store"] });
      const successor = await createApiUser(after, { account: "other", name: "someone-else" });
      assert.equal(successor.keyId, user.keyId);
      assert.deepEqual(await check(after, dead), [401, null]);
      await after.stop();
      await (await start(t, { dataDir: before.dataDir })).stop();
    });
  }

  test("can be made by account create in an empty folder, and is served afterwards", async (t) => {
    const dataDir = temporaryFolder();
    const other = await start(t, {});
    assert.equal((await other.cli("account", "create", "acme", "--data-dir", dataDir)).status, 0);
    assert.ok(!existsSync(join(dataDir, "master.key")));
    await start(t, { dataDir });
  });
});

describe("a database without its master key", () => {
  test("isn't served under a new one unless it is accepted, which ends every token", async (t) => {
    const before = await start(t, {});
    const user = await createApiUser(before);
    const dead = await tokenOf(before, user);
    await before.stop();
    rmSync(join(before.dataDir, "master.key"));
    await assert.rejects(startServer({ dataDir: before.dataDir }), /master\.key is missing.*store accept/);
    assert.equal((await before.cli("store", "accept", "--yes")).status, 0);
    const after = await start(t, { dataDir: before.dataDir });
    assert.deepEqual(await check(after, dead), [401, null]);
    assert.deepEqual(await check(after, await tokenOf(after, user)), [200, user.username]);
  });
});
