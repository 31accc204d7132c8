import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import { findChainBreak } from "../../core/feed/audit-chain.ts";
import { createRegistryChanges } from "../../testing/test-changes.ts";
import type { KeyId } from "../../core/keys/model.ts";
import type { KeyUsageRecord } from "../../core/keys/usage-store.ts";
import type { Store } from "../../core/store/store.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { createTestClock } from "../../testing/test-clock.ts";
import { makeTemporaryFolder, type TemporaryFolder } from "../../testing/test-registry.ts";
import { SchemaError } from "../migrate.ts";
import {
  UNDO_0004,
  UNDO_0005,
  UNDO_0006,
  UNDO_0007,
  UNDO_0008,
  UNDO_0009,
  UNDO_0010,
  UNDO_0011,
  UNDO_0012,
  UNDO_0013,
  UNDO_0014,
} from "../each-store-contract.ts";
import { testIdentityStore } from "../identity-store-contract.ts";
import { testJobStore } from "../job-store-contract.ts";
import { testKeyLifeStore } from "../key-life-store-contract.ts";
import { testWebhookStore } from "../webhook-store-contract.ts";
import { testOperatorStore } from "../operator-store-contract.ts";
import { testEventList } from "../event-list-store-contract.ts";
import { testBulk } from "../bulk-store-contract.ts";
import { testKeyList } from "../key-list-store-contract.ts";
import { testLists } from "../list-store-contract.ts";
import { testKeyDescendants } from "../key-descendants-store-contract.ts";
import { testRevocation } from "../revocation-store-contract.ts";
import { testUsage } from "../usage-store-contract.ts";
import { testUserList } from "../user-list-store-contract.ts";
import { SAMPLE_NODE, expiredBefore, type StoreUnderTest, testStore } from "../store-contract.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";

async function openUnderTest(): Promise<StoreUnderTest> {
  const folder = makeTemporaryFolder();
  const opener = { module: new URL("./open-sqlite-store.ts", import.meta.url).href, export: "openSqliteStore" };
  const file = folder.file("countersign.db");
  return {
    store: await openSqliteStore(file),
    connect: () => openSqliteStore(file),
    opener: { ...opener, location: file },
    unopened: async () => ({ ...opener, location: folder.file("new.db") }),
    hearsChanges: false,
    cleanup: async () => folder.remove(),
  };
}

testStore("SQLite", openUnderTest);
testOperatorStore("SQLite", openUnderTest);
testUserList("SQLite", openUnderTest);
testEventList("SQLite", openUnderTest);
testLists("SQLite", openUnderTest);
testBulk("SQLite", openUnderTest);
testKeyList("SQLite", openUnderTest);
testUsage("SQLite", openUnderTest);
testRevocation("SQLite", openUnderTest);
testKeyDescendants("SQLite", openUnderTest);
testIdentityStore("SQLite", openUnderTest);
testJobStore("SQLite", openUnderTest);
testKeyLifeStore("SQLite", openUnderTest);
testWebhookStore("SQLite", openUnderTest);

let folder: TemporaryFolder;
let file: string;
let stores: Store[];

beforeEach(() => {
  folder = makeTemporaryFolder();
  file = folder.file("countersign.db");
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  folder.remove();
});

async function open(path = file): Promise<Store> {
  const store = await openSqliteStore(path);
  stores.push(store);
  return store;
}

/** Works on the file behind the store's back. */
function withDatabase<Result>(work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(file);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

describe("a SQLite file", () => {
  test("is readable by its owner only, as are the files beside it", async () => {
    const store = await open();
    await createRegistryChanges(store, createTestClock()).createAccount("test", { shortname: "acme" });
    const files = readdirSync(folder.path);
    assert.deepEqual(files.toSorted(), ["countersign.db", "countersign.db-shm", "countersign.db-wal"]);
    for (const name of files) assert.equal(statSync(folder.file(name)).mode & 0o777, 0o600, name);
  });

  test("is reopened without a change to its schema", async () => {
    await open();
    const schema = () =>
      withDatabase((database) => database.prepare("select name, sql from sqlite_schema order by name").all());
    const before = schema();
    await open();
    assert.deepEqual(schema(), before);
  });

  test("never reuses an id, even if the newest row was deleted by hand", async () => {
    const changes = createRegistryChanges(await open(), createTestClock());
    await changes.createAccount("test", { shortname: "first" });
    const second = await changes.createAccount("test", { shortname: "second" });
    withDatabase((database) =>
      database.exec("pragma foreign_keys = off; delete from accounts where shortname = 'second'"),
    );
    const third = await changes.createAccount("test", { shortname: "third" });
    assert.ok(third.id > second.id);
  });

  test("refuses to delete an account that has users, or a user that has keys, even by hand", async () => {
    const changes = createRegistryChanges(await open(), createTestClock());
    await changes.createAccount("test", { shortname: "acme" });
    await changes.createUser("test", { name: "demo", account: "acme", access: "full" });
    withDatabase((database) => {
      database.exec("pragma foreign_keys = on");
      assert.throws(() => database.exec("delete from accounts"), /FOREIGN KEY constraint failed/);
    });
  });

  test("with a log that was tampered with by hand is detected", async () => {
    const store = await open();
    const changes = createRegistryChanges(store, createTestClock());
    for (const shortname of ["a", "b", "c"]) await changes.createAccount("test", { shortname });
    withDatabase((database) => database.exec("update audit_events set actor = 'somebody else' where seq = 2"));
    assert.deepEqual(findChainBreak(await store.events.after(0, 10), undefined), {
      seq: 2,
      problem: "its contents were changed",
    });
  });
});

describe("a file of an earlier release", () => {
  const UNDO_0003 = `${UNDO_0004.join("; ")}; drop table nodes; drop table key_usage_hours;
    alter table signing_keys drop column activated_at_ms;
    delete from kysely_migration where name = '0003-many-nodes';`;
  const UNDO_0002 = `drop table resource_servers; drop table revoked_tokens; drop table used_assertions;
    delete from kysely_migration where name = '0002-token-checks';`;

  for (const [name, undo] of [
    ["0013-device-sign-ins", UNDO_0014.join("; ")],
    ["0012-search", UNDO_0013.join("; ")],
    ["0011-descriptions", UNDO_0013.join("; ")],
    ["0010-refusals-by-user", UNDO_0011.join("; ")],
    ["0009-node-names", UNDO_0010.join("; ")],
    ["0008-key-trust", UNDO_0009.join("; ")],
    ["0007-list-indexes", UNDO_0008.join("; ")],
    ["0006-operators", UNDO_0007.join("; ")],
    ["0005-store-identity", UNDO_0006.join("; ")],
    ["0004-administration", UNDO_0005.join("; ")],
    ["0002-token-checks", UNDO_0003],
    ["0001-registry", UNDO_0003 + UNDO_0002],
  ] as const) {
    test(`at the migration ${name} gets what is new, keeps its rows, and its signing key continues to sign`, async () => {
      const before = await openSqliteStore(file);
      const changes = createRegistryChanges(before, createTestClock());
      await changes.createAccount("test", { shortname: "acme" });
      await changes.ensureSigningKey("test", Buffer.alloc(32, 1));
      const accounts = await before.accounts.list();
      const signingKeys = await before.signingKeys.list();
      await before.close();
      withDatabase((database) => {
        if (name < "0012") database.exec(UNDO_0012.sqlite.join("; "));
        database.exec(undo);
      });
      const store = await open();
      assert.deepEqual(await store.accounts.list(), accounts);
      assert.equal((await store.events.after(0, 10)).length, 2);
      assert.deepEqual(await store.resourceServers.list(), []);
      assert.deepEqual(await store.nodes.listLive(1_000_000), []);
      assert.deepEqual(await store.signingKeys.list(), signingKeys);
      assert.equal(typeof signingKeys[0]?.activatedAtMs, "number");
      assert.match(await store.storeId(), /^[0-9a-f]{32}$/);
      assert.equal(await store.removeExpired(expiredBefore(1), 1), 0);
    });
  }
});

describe("a file that isn't this release's", () => {
  test("with an unknown later migration is refused with a SchemaError, and left unchanged", async () => {
    await (await openSqliteStore(file)).close();
    withDatabase((database) =>
      database.exec("insert into kysely_migration (name, timestamp) values ('9999-later', '2099-01-01T00:00:00.000Z')"),
    );
    await assert.rejects(openSqliteStore(file), (error: unknown) => {
      assert.ok(error instanceof SchemaError, String(error));
      assert.equal(
        error.message,
        "the store was written by a newer release of Countersign; start that release, or a newer one",
      );
      return true;
    });
    const names = withDatabase((database) =>
      database
        .prepare("select name from kysely_migration order by name")
        .all()
        .map((row) => row["name"]),
    );
    assert.deepEqual(names, [
      "0001-registry",
      "0002-token-checks",
      "0003-many-nodes",
      "0004-administration",
      "0005-store-identity",
      "0006-operators",
      "0007-list-indexes",
      "0008-key-trust",
      "0009-node-names",
      "0010-refusals-by-user",
      "0011-descriptions",
      "0012-search",
      "0013-device-sign-ins",
      "0014-search-plan",
      "9999-later",
    ]);
  });

  test("with a foreign table of the same name is refused with a SchemaError, and left unchanged", async () => {
    withDatabase((database) => database.exec("create table audit_events (x)"));
    await assert.rejects(openSqliteStore(file), (error: unknown) => {
      assert.ok(error instanceof SchemaError, String(error));
      assert.equal(error.message, "the store's schema can't be brought up to date (table audit_events already exists)");
      return true;
    });
    const tables = withDatabase((database) =>
      database.prepare("select name from sqlite_schema where name in ('accounts', 'public_keys')").all(),
    );
    assert.deepEqual(tables, [], "a migration that fails leaves nothing of itself");
  });

  test("that isn't a database is refused, and left unchanged", async () => {
    writeFileSync(file, "these are my notes, please keep them".repeat(100));
    await assert.rejects(openSqliteStore(file), {
      name: "StoreOpenError",
      message: `${file} can't be opened as a store (file is not a database); check its permissions, restore a backup, or name another folder`,
    });
    assert.match(readFileSync(file, "utf8"), /^these are my notes/);
  });

  test("in a folder that doesn't exist is refused", async () => {
    await assert.rejects(openSqliteStore(folder.file("nowhere/countersign.db")), {
      name: "StoreOpenError",
      message: /unable to open database file/,
    });
  });
});

describe("an open file", () => {
  const PROBLEM = /its file was moved, removed or replaced while it was open/;
  const USED: KeyUsageRecord = {
    keyId: 1 as KeyId,
    lastUsedAtMs: 1,
    tokensByHour: new Map(),
    tokensByExpiry: new Map(),
  };

  for (const [name, exchange] of [
    ["is removed", () => rmSync(file)],
    [
      "is replaced by another database",
      () => {
        const other = folder.file("other.db");
        new DatabaseSync(other).close();
        writeFileSync(other, readFileSync(file));
        renameSync(other, file);
      },
    ],
    ["loses its log", () => rmSync(`${file}-wal`)],
  ] as const) {
    test(`that ${name} is neither read nor written again, and no file is created in its place`, async () => {
      const store = await open();
      const changes = createRegistryChanges(store, createTestClock());
      await changes.createAccount("test", { shortname: "acme" });
      exchange();
      const before = readdirSync(folder.path);
      for (const work of [
        () => store.changeMarker(),
        () => store.accounts.list(),
        () => store.users.loadRecord("api-1-demo"),
        () => store.usage.record([USED]),
        () => store.nodes.record(SAMPLE_NODE),
        () => store.backup(folder.file("backup.db")),
        () => changes.createAccount("test", { shortname: "lost" }),
      ]) {
        await assert.rejects(async () => work(), { code: "unavailable", message: PROBLEM });
      }
      assert.deepEqual(readdirSync(folder.path), before);
    });
  }

  test("that is replaced in the middle of a change doesn't get the change", async () => {
    const store = await open();
    await assert.rejects(
      store.transaction(async (transaction) => {
        await transaction.accounts.insert({ shortname: "half", name: "half", createdAtMs: 1 });
        renameSync(file, folder.file("aside.db"));
      }),
      { code: "unavailable", message: /Nothing was changed/ },
    );
    renameSync(folder.file("aside.db"), file);
    assert.deepEqual(await store.accounts.list(), []);
  });

  test("isn't created where the store must exist already", async () => {
    await assert.rejects(openSqliteStore(file, { mayCreate: false }), { name: "StoreOpenError" });
    assert.deepEqual(readdirSync(folder.path), []);
  });
});

describe("a damaged file", () => {
  /** A closed store with a user and a key. */
  async function makeClosed(): Promise<Buffer> {
    const store = await openSqliteStore(file);
    const changes = createRegistryChanges(store, createTestClock());
    await changes.createAccount("test", { shortname: "acme" });
    await changes.createUser("test", { name: "demo", account: "acme", access: "full" });
    await changes.addKey("test", { username: "api-1-demo", text: rsaKeyPair("alice").publicPem });
    await store.close();
    return readFileSync(file);
  }

  test("never makes an existing user missing: wherever its name is damaged, the start or the read is refused", async () => {
    const whole = await makeClosed();
    const places: number[] = [];
    for (let at = whole.indexOf("api-1-demo"); at >= 0; at = whole.indexOf("api-1-demo", at + 1)) places.push(at);
    assert.ok(places.length >= 2, "in the table and in its index");
    let refusedAtStart = 0;
    for (const at of places) {
      const bytes = Buffer.from(whole);
      bytes[at + 6] = 0x58;
      writeFileSync(file, bytes);
      await openSqliteStore(file, { isChecked: true }).then(
        (store) => store.close(),
        (error: unknown) => {
          assert.match(String(error), /countersign.db is damaged: .*Stop whatever uses it, and restore a backup/);
          refusedAtStart++;
        },
      );
      writeFileSync(file, bytes);
      const store = await openSqliteStore(file);
      const answer = await store.users.loadRecord("api-1-demo").catch((error: unknown) => error);
      assert.ok(answer !== undefined, `at ${at}`);
      await store.close();
      for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
    }
    assert.ok(refusedAtStart >= 2);
  });

  test("isn't read again once a page of it couldn't be read", async () => {
    const whole = await makeClosed();
    const store = await openSqliteStore(file);
    const page = withDatabase((database) =>
      Number(database.prepare("select rootpage from sqlite_schema where name = 'accounts'").get()?.["rootpage"]),
    );
    const bytes = Buffer.from(whole);
    bytes.fill(0xff, (page - 1) * 4096, page * 4096);
    writeFileSync(file, bytes);
    await assert.rejects(store.accounts.list(), { code: "unavailable", message: /its file is damaged/ });
    await assert.rejects(store.changeMarker(), { code: "unavailable", message: /its file is damaged/ });
    await assert.rejects(store.users.loadRecord("nobody"), { code: "unavailable" });
    await store.close();
  });
});

describe("a backup", () => {
  test("is a complete store of that moment in one file, readable by its owner only", async () => {
    const store = await open();
    const changes = createRegistryChanges(store, createTestClock());
    for (let count = 1; count <= 5; count++) await changes.createAccount("test", { shortname: `a${count}` });
    const target = folder.file("backup.db");
    await store.backup(target);
    await changes.createAccount("test", { shortname: "later" });
    assert.equal(statSync(target).mode & 0o777, 0o600);
    assert.ok(!existsSync(`${target}-wal`), "it is a single file");
    const copy = await open(target);
    const { id, backupAtMs } = await copy.storeIdentity();
    assert.equal(id, await store.storeId());
    assert.equal(typeof backupAtMs, "number", "it is marked as a backup");
    assert.equal((await store.storeIdentity()).backupAtMs, null);
    assert.equal((await copy.accounts.list()).length, 5);
    assert.equal(findChainBreak(await copy.events.after(0, 100), undefined), undefined);
    const later = await createRegistryChanges(copy, createTestClock()).createAccount("test", { shortname: "goes-on" });
    assert.equal(later.id, 6);
  });

  test("taken while another connection is in the middle of a change contains nothing of that change", async () => {
    const store = await open();
    const other = await open();
    const target = folder.file("backup.db");
    await other.transaction(async (transaction) => {
      await transaction.accounts.insert({ shortname: "half", name: "half", createdAtMs: 1 });
      await store.backup(target);
    });
    const copy = await open(target);
    assert.deepEqual(await copy.accounts.list(), []);
    assert.equal((await store.accounts.list()).length, 1);
  });

  test("can be taken while this process is in the middle of a change, and contains all or nothing of it", async () => {
    const store = await open();
    const target = folder.file("backup.db");
    let backup = Promise.resolve();
    await store.transaction(async (transaction) => {
      await transaction.accounts.insert({ shortname: "half", name: "half", createdAtMs: 1 });
      backup = Promise.resolve().then(() => store.backup(target));
      backup.catch(() => undefined);
      await transaction.accounts.find("half");
      await transaction.events.append({
        atMs: 1,
        actor: "t",
        action: "account.created",
        subject: "account:1",
        details: {},
      });
    });
    await backup;
    const copy = await open(target);
    assert.equal((await copy.accounts.list()).length, (await copy.events.last()).seq);
  });

  test("never overwrites a file of any kind, but rejects", async () => {
    const store = await open();
    const target = folder.file("precious.txt");
    writeFileSync(target, "precious");
    let answer: unknown;
    assert.doesNotThrow(() => {
      answer = store.backup(target);
    });
    await assert.rejects(answer as Promise<void>, { code: "EEXIST" });
    await assert.rejects(async () => store.backup(file), { code: "EEXIST" });
    assert.equal(readFileSync(target, "utf8"), "precious");
    assert.equal((await store.accounts.list()).length, 0);
  });

  test("that fails leaves no file behind", async () => {
    const store = await open();
    const before = readdirSync(folder.path);
    await assert.rejects(async () => store.backup(folder.file("nowhere/backup.db")), { code: "ENOENT" });
    await assert.rejects(async () => store.backup(file), { code: "EEXIST" });
    assert.deepEqual(readdirSync(folder.path), before);
  });
});
