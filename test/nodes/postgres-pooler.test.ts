/**
 * The PostgreSQL store behind PgBouncer in transaction mode, where different backends may serve the transactions of one
 * connection: state that the store leaves in a session would show here.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import pg from "pg";
import { findChainBreak, type UnchainedEvent } from "../../packages/server/src/core/feed/audit-chain.ts";
import type { KeyId } from "../../packages/server/src/core/keys/model.ts";
import type { Store } from "../../packages/server/src/core/store/store.ts";
import { inspectPostgresStore } from "../../packages/server/src/storage/postgres/inspect-postgres-store.ts";
import { openPostgresStore } from "../../packages/server/src/storage/postgres/open-postgres-store.ts";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { startPostgres } from "../../packages/server/src/testing/test-postgres.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { endWithThisProcess } from "../testkit/run-program.ts";
import { temporaryFolder } from "../testkit/server.ts";

const PGBOUNCER = "/usr/sbin/pgbouncer";

/** Fewer than the clients' connections, so that they share backends. */
const BACKENDS = 3;

const EVENT: UnchainedEvent = { atMs: 1, actor: "test", action: "key.added", subject: "key:1", details: {} };

const missing = await findMissing({
  name: "PgBouncer",
  debianPackages: "pgbouncer",
  probes: [[PGBOUNCER, "--version"]],
});

if (missing !== undefined && IS_CI) test("PgBouncer", () => assert.fail(missing));

describe("behind PgBouncer in transaction mode", { skip: IS_CI ? false : (missing ?? false) }, async () => {
  if (missing !== undefined) return;
  const postgres = await startPostgres();
  const stores: Store[] = [];
  after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await pooler.stop();
    await postgres.stop();
  });
  const pooler = await startPooler(postgres.port);

  async function createDatabase(): Promise<{ readonly direct: string; readonly pooled: string }> {
    const direct = await postgres.createDatabase();
    const pooled = new URL(direct);
    pooled.port = String(pooler.port);
    return { direct, pooled: pooled.href };
  }

  async function open(url: string, listenUrl?: string): Promise<Store> {
    const store = await openPostgresStore({ url, listenUrl, connectionsMax: 4 });
    stores.push(store);
    return store;
  }

  test("stores that open a new database at once each find the schema, and changes keep their order", async () => {
    const { pooled } = await createDatabase();
    const opened = await Promise.all(Array.from({ length: 3 }, () => open(pooled)));
    await Promise.all(
      opened.map(async (store, node) => {
        for (let count = 0; count < 10; count++) {
          await store.transaction((transaction) => transaction.events.append({ ...EVENT, actor: `node ${node}` }));
          await store.events.last();
        }
      }),
    );
    const events = (await opened[0]?.events.after(0, 100)) ?? [];
    assert.equal(events.length, 30);
    assert.equal(findChainBreak(events, undefined), undefined);
  });

  test("an inspection tells whether notifications arrive, through the pooler and beside it", async () => {
    const { direct, pooled } = await createDatabase();
    await open(direct);
    const lost = await inspectPostgresStore(pooled, pooled);
    const heard = await inspectPostgresStore(pooled, direct);
    // Two inspections at once: the pooler gives each transaction any backend.
    const [ofLost, ofHeard] = await Promise.all([lost.findServerFacts?.(), heard.findServerFacts?.()]);
    assert.equal(ofHeard?.isNotified, true);
    assert.equal(ofHeard?.major, ofLost?.major);
    assert.ok(heard.reader !== undefined && lost.reader !== undefined);
    await Promise.all([lost.close(), heard.close()]);
  });

  test("a change leaves no setting and no lock in the session that another client gets next", async () => {
    const { pooled } = await createDatabase();
    const store = await open(pooled);
    for (let count = 0; count < 2 * BACKENDS; count++) {
      await store.transaction((transaction) => transaction.events.append(EVENT));
    }
    const tokens = new Map([[0, 1]]);
    await store.usage.record([{ keyId: 1 as KeyId, lastUsedAtMs: 1, tokensByHour: tokens, tokensByExpiry: tokens }]);
    const client = new pg.Client({ connectionString: pooled });
    await client.connect();
    const { rows } = await client.query(
      `select current_setting('idle_in_transaction_session_timeout') as idle, current_setting('transaction_isolation') as level,
         (select count(*)::integer from pg_locks where locktype = 'advisory') as locks,
         (select count(*)::integer from pg_prepared_statements) as prepared`,
    );
    await client.end();
    assert.deepEqual(rows, [{ idle: "0", level: "read committed", locks: 0, prepared: 0 }]);
  });

  test("a listener that bypasses the pooler reports a change of another connection", async () => {
    const { direct, pooled } = await createDatabase();
    const [store, other] = [await open(pooled, direct), await open(pooled, direct)];
    let woken = 0;
    const watch = store.watchChanges(() => woken++);
    await eventually("the listener is reliable", () => watch.isReliable());
    for (let count = 0; count < 3; count++) {
      const before = woken;
      await other.transaction((transaction) => transaction.events.append(EVENT));
      await eventually("the change is reported", () => woken > before);
    }
    await watch.stop();
  });

  test("a listener behind the pooler is never reliable, and the marker shows a change of another connection", async () => {
    const { direct, pooled } = await createDatabase();
    const [store, other] = [await open(pooled), await open(pooled)];
    const spy = new pg.Client({ connectionString: direct });
    await spy.connect();
    await spy.query("listen countersign_changes");
    let pings = 0;
    spy.on("notification", () => pings++);
    const watch = store.watchChanges(() => undefined);
    await eventually("it has pinged itself a few times", () => {
      assert.equal(watch.isReliable(), false);
      return pings >= 3;
    });
    const marker = await store.changeMarker();
    await other.transaction((transaction) => transaction.events.append(EVENT));
    assert.notEqual(await store.changeMarker(), marker);
    assert.equal(watch.isReliable(), false);
    await watch.stop();
    await spy.end();
  });
});

/** Starts a pooler in front of a server; it authenticates no client. */
async function startPooler(serverPort: number): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const port = await reservePort();
  const folder = temporaryFolder();
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(
    file,
    `[databases]
* = host=127.0.0.1 port=${serverPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${BACKENDS}
max_client_conn = 100
`,
  );
  // PgBouncer refuses to run as root; the user that it switches to must be able to read its file.
  chmodSync(folder, 0o755);
  const asUser = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
  const child = spawn(PGBOUNCER, [...asUser, file], { stdio: ["ignore", "ignore", "pipe"] });
  endWithThisProcess(child);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  await eventually("PgBouncer accepts clients", async () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${log}`);
    const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return undefined;
    } finally {
      await client.end().catch(() => undefined);
    }
  });
  return {
    port,
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
