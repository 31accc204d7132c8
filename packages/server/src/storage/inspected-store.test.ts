/** Looking at a store finds out what it is like on both engines, and changes nothing. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { startPostgres } from "../testing/test-postgres.ts";
import type { InspectedStore } from "./inspected-store.ts";
import { inspectPostgresStore } from "./postgres/inspect-postgres-store.ts";
import { openPostgresStore } from "./postgres/open-postgres-store.ts";
import { inspectSqliteStore } from "./sqlite/inspect-sqlite-store.ts";
import { openSqliteStore } from "./sqlite/open-sqlite-store.ts";

const root = mkdtempSync(join(tmpdir(), "countersign-inspected-"));
const postgres = await startPostgres({ settings: ["max_connections=20", "superuser_reserved_connections=3"] });
after(async () => {
  rmSync(root, { recursive: true });
  await postgres.stop();
});

let folders = 0;
function newFile(): string {
  return join(mkdtempSync(join(root, `${folders++}-`)), "countersign.db");
}

/** Both engines: a store with a schema, how SQL runs on it beside the service, and how it is inspected. */
const ENGINES = [
  {
    name: "SQLite",
    async create() {
      const file = newFile();
      await (await openSqliteStore(file)).close();
      return {
        run: (sql: string) => {
          const database = new DatabaseSync(file);
          database.exec(sql);
          database.close();
          return Promise.resolve();
        },
        inspect: () => inspectSqliteStore(file),
      };
    },
  },
  {
    name: "PostgreSQL",
    async create() {
      const url = await postgres.createDatabase();
      await (await openPostgresStore({ url, connectionsMax: 2 })).close();
      const database = new URL(url).pathname.slice(1);
      return {
        run: async (sql: string) => void (await postgres.query(sql, database)),
        inspect: () => inspectPostgresStore(url, url),
      };
    },
  },
];

async function gapOf(inspect: () => Promise<InspectedStore>) {
  const inspected = await inspect();
  await inspected.close();
  return { ...inspected.gap, isReadable: inspected.reader !== undefined };
}

for (const engine of ENGINES) {
  const { name } = engine;
  test(`${name}: a store of this release is read, and refuses to be written`, async () => {
    const { inspect } = await engine.create();
    const inspected = await inspect();
    const { reader } = inspected;
    assert.ok(reader);
    assert.match(await reader.storeId(), /^[0-9a-f]{32}$/);
    assert.deepEqual(await reader.nodes.listLive(15_000), []);
    assert.equal((await reader.events.last()).seq, 0);
    await assert.rejects(reader.nodes.remove("x"), /reading only/);
    await assert.rejects(
      reader.transaction(() => Promise.resolve()),
      /reading only/,
    );
    assert.equal(inspected.readOnly, undefined);
    await inspected.close();
  });

  test(`${name}: migrations that are missing or of a newer release are named, and don't run`, async () => {
    const { run, inspect } = await engine.create();
    await run("delete from kysely_migration where name = '0012-search'");
    for (let times = 0; times < 2; times++) {
      assert.deepEqual(await gapOf(inspect), { missing: ["0012-search"], unknown: [], isReadable: false });
    }
    await run("insert into kysely_migration (name, timestamp) values ('0012-search', ''), ('0999-later', '')");
    assert.deepEqual(await gapOf(inspect), { missing: [], unknown: ["0999-later"], isReadable: false });
  });
}

test("PostgreSQL: an empty database lacks every migration, and stays empty", async () => {
  const url = await postgres.createDatabase();
  for (let times = 0; times < 2; times++) {
    const { missing } = await gapOf(() => inspectPostgresStore(url, url));
    assert.equal(missing[0], "0001-registry");
  }
});

test("PostgreSQL: its version, its connections and its notifications are found out", async () => {
  const url = await postgres.createDatabase();
  const inspected = await inspectPostgresStore(url, url);
  const facts = await inspected.findServerFacts?.();
  await inspected.close();
  assert.ok((facts?.major ?? 0) >= 13);
  assert.equal(facts?.connectionsMax, 17);
  assert.equal(facts?.isNotified, true);
  // Where nodes would listen at another database, nothing arrives.
  const elsewhere = await inspectPostgresStore(url, await postgres.createDatabase());
  assert.equal((await elsewhere.findServerFacts?.())?.isNotified, false);
  await elsewhere.close();
});

test("PostgreSQL: a database that can only be read, and one in another encoding, are recognized", async () => {
  const url = await postgres.createDatabase();
  const database = new URL(url).pathname.slice(1);
  await postgres.query(`alter database "${database}" set default_transaction_read_only = on`);
  const readOnly = await inspectPostgresStore(url, url);
  await readOnly.close();
  assert.match(readOnly.readOnly ?? "", /read-only/);
  await postgres.query("create database latin encoding 'LATIN1' template template0");
  const latin = await inspectPostgresStore(postgres.url("latin"), postgres.url("latin"));
  await latin.close();
  assert.equal(latin.wrongEncoding, "LATIN1");
});

test("PostgreSQL: a server that isn't there and one that refuses are described without the password", async () => {
  const refused = new URL(postgres.url());
  refused.port = "1";
  const missing = new URL(postgres.url("no_such_database"));
  for (const [url, expected] of [
    [refused, /can't be reached/],
    [missing, /no_such_database/],
  ] as const) {
    await assert.rejects(inspectPostgresStore(url.href, url.href), (error: Error) => {
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /a-password-of-the-tests/);
      return true;
    });
  }
});

/** Names, sizes and times of all files of a folder. */
function stateOf(folder: string) {
  return readdirSync(folder).map((name) => {
    const { size, mtimeNs, mode } = statSync(join(folder, name), { bigint: true });
    return [name, size, mtimeNs, mode];
  });
}

test("SQLite: neither a stopped store nor a store in use gets or loses a file", async () => {
  const file = newFile();
  const store = await openSqliteStore(file);
  const folder = join(file, "..");
  const inUse = stateOf(folder);
  await (await inspectSqliteStore(file)).close();
  assert.deepEqual(
    stateOf(folder).map(([name]) => name),
    inUse.map(([name]) => name),
  );
  await store.close();
  const stopped = stateOf(folder);
  const inspected = await inspectSqliteStore(file);
  assert.equal(inspected.findDamage?.(), undefined);
  await inspected.close();
  assert.deepEqual(stateOf(folder), stopped);
});

test("SQLite: a file that isn't a database, and one with a damaged page, are recognized", async () => {
  const file = newFile();
  await (await openSqliteStore(file)).close();
  const garbage = newFile();
  cpSync(import.meta.filename, garbage);
  await assert.rejects(inspectSqliteStore(garbage), /not a database/);
  const damaged = newFile();
  cpSync(file, damaged);
  truncateSync(damaged, readFileSync(file).length - 8192);
  const found = await inspectSqliteStore(damaged).then(
    async (inspected) => {
      const damage = inspected.findDamage?.();
      await inspected.close();
      return damage;
    },
    (error: Error) => error.message,
  );
  assert.notEqual(found, undefined);
});
