import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import pg from "pg";
import type { UnchainedEvent } from "../../core/feed/audit-chain.ts";
import { startPostgres } from "../../testing/test-postgres.ts";
import { until } from "../../../../../test/testkit/eventually.ts";
import { openPostgresStore } from "./open-postgres-store.ts";

const EVENT: UnchainedEvent = { atMs: 1, actor: "test", action: "key.added", subject: "key:1", details: {} };

const server = await startPostgres();
after(() => server.stop());

const nameOf = (url: string) => new URL(url).pathname.slice(1);

/** The backend that listens for a store in this database, if there is one. */
async function listenerIn(url: string): Promise<number | undefined> {
  const [row] = await server.query(
    `select pid from pg_stat_activity where datname = '${nameOf(url)}' and query like 'listen %'`,
  );
  return row === undefined ? undefined : Number(row["pid"]);
}

describe("the listener", { concurrency: true }, () => {
  test("that is cut off is unreliable at once, recovers by itself, and then checks for what it missed", async () => {
    const own = await server.createDatabase();
    const store = await openPostgresStore({ url: own, connectionsMax: 3 });
    const other = await openPostgresStore({ url: own, connectionsMax: 3 });
    let woken = 0;
    const watch = store.watchChanges(() => woken++);
    await until(() => watch.isReliable());
    await other.transaction((transaction) => transaction.events.append(EVENT));
    await until(() => woken >= 2);
    // So that it can't reconnect before the test sees that it is unreliable.
    await server.query(`alter database ${nameOf(own)} allow_connections false`);
    await server.query(`select pg_terminate_backend(${await listenerIn(own)}, 5000)`);
    await until(() => !watch.isReliable());
    const before = woken;
    await other.transaction((transaction) => transaction.events.append(EVENT));
    assert.equal(watch.isReliable(), false);
    assert.equal(woken, before);
    await server.query(`alter database ${nameOf(own)} allow_connections true`);
    await until(() => watch.isReliable());
    assert.ok(woken > before, "the missed change is looked for");
    const again = woken;
    await other.transaction((transaction) => transaction.events.append(EVENT));
    await until(() => woken > again);
    await watch.stop();
    await until(async () => (await listenerIn(own)) === undefined);
    await Promise.all([store.close(), other.close()]);
  });

  test("whose notifications are swallowed is never reliable, and the marker shows the change", async () => {
    // Notifications stay within a database: a listener in another one gets none, as behind a pooler that swallows them.
    const own = await server.createDatabase();
    const elsewhere = await server.createDatabase();
    const store = await openPostgresStore({ url: own, listenUrl: elsewhere, connectionsMax: 3 });
    const spy = new pg.Client({ connectionString: own });
    await spy.connect();
    let pings = 0;
    spy.on("notification", () => pings++);
    await spy.query("listen countersign_changes");
    const watch = store.watchChanges(() => undefined);
    const marker = await store.changeMarker();
    await until(() => {
      assert.equal(watch.isReliable(), false);
      return pings >= 3;
    });
    await store.transaction((transaction) => transaction.events.append(EVENT));
    assert.notEqual(await store.changeMarker(), marker);
    await watch.stop();
    await spy.end();
    await store.close();
  });

  test("on a connection that has gone silent is unreliable within 2.5 s of its last ping", async () => {
    const own = await server.createDatabase();
    const store = await openPostgresStore({ url: own, connectionsMax: 3 });
    const watch = store.watchChanges(() => undefined);
    await until(() => watch.isReliable());
    const pid = (await listenerIn(own)) ?? assert.fail("no backend listens");
    process.kill(pid, "SIGSTOP");
    try {
      await until(() => !watch.isReliable());
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await until(() => watch.isReliable());
    await watch.stop();
    await store.close();
  });

  test("that can't connect keeps trying, and can be stopped meanwhile", async () => {
    const own = await server.createDatabase();
    const store = await openPostgresStore({ url: own, listenUrl: "postgres://x@127.0.0.1:9/x", connectionsMax: 3 });
    let woken = 0;
    const watch = store.watchChanges(() => woken++);
    await store.transaction((transaction) => transaction.events.append(EVENT));
    assert.equal(watch.isReliable(), false);
    await watch.stop();
    await store.close();
    assert.equal(woken, 0);
  });
});
