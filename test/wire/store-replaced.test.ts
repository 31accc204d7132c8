/**
 * The store's file changes under a running server: it is replaced, moved or removed, or a page of it is damaged. A
 * server that kept using its open file would accept what other processes refuse, and acknowledge changes that no other
 * process sees.
 */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test, type TestContext } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { createApiUser, startServer, temporaryFolder, tokenCommand, type TestServer } from "../testkit/server.ts";

const FILES = ["countersign.db", "countersign.db-wal", "countersign.db-shm"] as const;

interface Stage {
  readonly server: TestServer;
  readonly username: string;
  readonly keyId: number;
  /** The check's status for the user's token. */
  readonly check: () => Promise<number>;
  readonly ready: () => Promise<number>;
  /** The admin API's status for a change. */
  readonly change: () => Promise<number>;
  readonly path: (name: string) => string;
  /** Mints until it is refused. */
  readonly mint: () => Promise<number | null>;
}

async function openStage(t: TestContext): Promise<Stage> {
  const server = await startServer();
  t.after(() => server.stop());
  const { username, keyId, privateKeyFile } = await createApiUser(server);
  const asked = tokenCommand(server, { username, privateKeyFile });
  const { token } = await server.json<{ token: string }>(...asked);
  const adminToken = (await server.json<{ token: string }>("admin-token", "create", "test", "--role", "owner")).token;
  const statusOf = async (url: string, init: RequestInit = {}) => {
    const answer = await fetch(url, init);
    await answer.arrayBuffer();
    return answer.status;
  };
  let accounts = 0;
  const stage: Stage = {
    server,
    username,
    keyId,
    check: () => statusOf(`${server.publicUrl}/api/auth/v0/check/`, { headers: { authorization: `Token ${token}` } }),
    ready: () => statusOf(`${server.publicUrl}/readyz`),
    change: () =>
      statusOf(`${server.adminUrl}/api/admin/v1/accounts`, {
        method: "POST",
        headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
        body: JSON.stringify({ shortname: `account-${accounts++}` }),
      }),
    path: (name) => join(server.dataDir, name),
    mint: async () => (await server.cli(...asked)).status,
  };
  assert.deepEqual([await stage.check(), await stage.ready(), await stage.change()], [200, 200, 201]);
  return stage;
}

/**
 * Asserts that checks are answered with 503, cached or not, and changes too, and that the log gives the reason once.
 */
async function refusesAll({ server, check, ready, change, mint }: Stage): Promise<void> {
  await eventually("the server isn't ready", async () => (await ready()) === 503);
  // Readiness reads the store itself, and may be quicker than the poll.
  await eventually("the check is refused", async () => (await check()) === 503);
  assert.deepEqual([await change(), await mint()], [503, 1]);
  const lines = server.stderr().match(/the store isn't the one that this node opened/g) ?? [];
  assert.equal(lines.length, 1, server.stderr());
}

describe("a server whose database", () => {
  test("is replaced by a backup refuses everything, and writes no change to the unlinked file", async (t) => {
    const stage = await openStage(t);
    const backup = join(temporaryFolder(), "backup.db");
    await stage.server.json("backup", backup);
    rmSync(stage.path("countersign.db"));
    copyFileSync(backup, stage.path("countersign.db"));
    await refusesAll(stage);
    assert.match(stage.server.stderr(), /its file was moved, removed or replaced while it was open/);
  });

  test("is in a folder that was emptied refuses everything, and creates no new one", async (t) => {
    const stage = await openStage(t);
    for (const name of readdirSync(stage.server.dataDir)) rmSync(stage.path(name));
    await refusesAll(stage);
    await stage.server.stop();
    assert.ok(!existsSync(stage.path("countersign.db")));
  });

  for (const name of FILES) {
    test(`loses only ${name} refuses everything`, async (t) => {
      const stage = await openStage(t);
      rmSync(stage.path(name));
      await refusesAll(stage);
    });
  }

  test("is moved away and back continues, and knows every change that was made", async (t) => {
    const stage = await openStage(t);
    const aside = temporaryFolder();
    for (const name of FILES) renameSync(stage.path(name), join(aside, name));
    await refusesAll(stage);
    for (const name of FILES.toReversed()) renameSync(join(aside, name), stage.path(name));
    await eventually("the server is ready again", async () => (await stage.ready()) === 200);
    assert.deepEqual([await stage.check(), await stage.change()], [200, 201]);
    await stage.server.json("key", "deactivate", String(stage.keyId));
    await eventually("the deactivation has taken effect", async () => (await stage.check()) === 403);
  });

  test("is overwritten in place by a backup refuses everything until it is restarted and accepted", async (t) => {
    const stage = await openStage(t);
    const backup = join(temporaryFolder(), "backup.db");
    await stage.server.json("backup", backup);
    await stage.server.json("key", "revoke", "--yes", String(stage.keyId));
    // The same file, with other contents.
    writeFileSync(stage.path("countersign.db"), readFileSync(backup));
    for (const name of ["countersign.db-wal", "countersign.db-shm"]) rmSync(stage.path(name));
    await refusesAll(stage);
    await stage.server.stop();
    await assert.rejects(startServer({ dataDir: stage.server.dataDir }), /key.revoked key:1 .*store accept/);
  });

  test("is overwritten in place, its log left where it was, refuses everything", async (t) => {
    const stage = await openStage(t);
    const backup = join(temporaryFolder(), "backup.db");
    await stage.server.json("backup", backup);
    await stage.server.json("key", "revoke", "--yes", String(stage.keyId));
    // Everything is in the file then, and its pages are in the server's memory.
    const database = new DatabaseSync(stage.path("countersign.db"));
    database.exec("pragma wal_checkpoint(truncate)");
    database.close();
    await eventually("the server knows of it", async () => (await stage.check()) === 403);
    writeFileSync(stage.path("countersign.db"), readFileSync(backup));
    await refusesAll(stage);
  });
});
