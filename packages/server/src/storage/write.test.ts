import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type Kysely, sql, type Transaction } from "kysely";
import { findChainBreak } from "../core/feed/audit-chain.ts";
import { Refusal } from "../core/refusal.ts";
import type { ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import { makeTemporaryFolder, type TemporaryFolder } from "../testing/test-registry.ts";
import { startDeadline } from "./deadline.ts";
import type { Database } from "./schema.ts";
import type { SqlStore } from "./sql-store.ts";
import { openSqliteStore } from "./sqlite/open-sqlite-store.ts";
import { createWriter } from "./write.ts";

let folder: TemporaryFolder;
let file: string;
let store: SqlStore;
let others: DatabaseSync[];

beforeEach(() => {
  folder = makeTemporaryFolder();
  file = folder.file("countersign.db");
  others = [];
});
afterEach(async () => {
  for (const other of others) if (other.isOpen) other.close();
  await store.close();
  folder.remove();
});

/** A connection that SQLite treats like another process's. */
function connect(): DatabaseSync {
  const other = new DatabaseSync(file);
  others.push(other);
  return other;
}

const insert = (shortname: string) =>
  store.transaction(async (transaction) => {
    const account = await transaction.accounts.insert({ shortname, name: shortname, createdAtMs: 1 });
    await transaction.events.append({
      atMs: 1,
      actor: "t",
      action: "account.created",
      subject: "account:1",
      details: {},
    });
    return account;
  });

const shortnames = async () => (await store.accounts.list()).map(({ shortname }) => shortname);

/** Runs SQL on the store's own writing connection. */
const onWriter = (statement: string) =>
  store.withChangesLocked(async (transaction) => {
    await sql.raw(statement).execute(transaction);
  });

async function assertUnavailable(writing: Promise<unknown>, message: string | RegExp): Promise<void> {
  await assert.rejects(writing, (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.code, "unavailable");
    assert.equal(error.detail.retryAfterSeconds, 1);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

/** Short enough to wait for, and far longer than an ordinary write takes on a busy machine. */
const DEADLINE_MS = 3000;

const LOCKED = "The store can't be written: another process has held its write lock for 3 s. Nothing was changed.";

describe("a write", () => {
  test("that waited too long for another process's lock is refused, and isn't made later", async () => {
    store = await openSqliteStore(file, { writeMsMax: DEADLINE_MS });
    await insert("acme");
    const other = connect();
    other.exec("begin immediate");
    await assertUnavailable(insert("late"), LOCKED);
    assert.match(store.writeProblem() ?? "", /write lock/);
    other.exec("rollback");
    await insert("next");
    assert.equal(store.writeProblem(), undefined);
    assert.deepEqual(await shortnames(), ["acme", "next"]);
  });

  test("that waits behind others has the same deadline, counted from its request", async () => {
    store = await openSqliteStore(file, { writeMsMax: DEADLINE_MS });
    const other = connect();
    other.exec("begin immediate");
    // One deadline after the other would take 20 times as long: the last change would outlive the lock, and commit.
    const writing = Array.from({ length: 20 }, (_, index) => insert(`late-${index}`));
    const [first] = writing;
    const settled = Promise.allSettled(writing);
    await assertUnavailable(first as Promise<unknown>, LOCKED);
    // Timers of one process fire in the order of their times, however slow the machine is.
    const all = await Promise.race([settled, setTimeout(10 * DEADLINE_MS, undefined, { ref: false })]);
    other.exec("rollback");
    assert.ok(
      all?.every(({ status }) => status === "rejected"),
      "all gave up while the lock was held",
    );
    await insert("next");
    assert.deepEqual(await shortnames(), ["next"]);
    assert.equal((await store.events.last()).seq, 1);
  });

  test("whose work takes too long is refused at the deadline, and rolled back when the work ends", async () => {
    store = await openSqliteStore(file, { writeMsMax: DEADLINE_MS });
    const gate = Promise.withResolvers<void>();
    const writing = store.transaction(async (transaction) => {
      await transaction.accounts.insert({ shortname: "slow", name: "slow", createdAtMs: 1 });
      await gate.promise;
    });
    await assertUnavailable(writing, /took over 3 s\. Nothing was changed\.$/);
    gate.resolve();
    await insert("next");
    assert.deepEqual(await shortnames(), ["next"]);
  });

  test("doesn't delay reads, however many wait", async () => {
    store = await openSqliteStore(file, { writeMsMax: 60_000 });
    await insert("acme");
    const other = connect();
    other.exec("begin immediate");
    let written = 0;
    const writing = Array.from({ length: 20 }, (_, index) => insert(`late-${index}`).finally(() => written++));
    for (let reads = 0; reads < 20; reads++) {
      assert.deepEqual(await shortnames(), ["acme"]);
      assert.equal(typeof (await store.changeMarker()), "string");
    }
    assert.equal(written, 0);
    other.exec("rollback");
    await Promise.all(writing);
    assert.equal((await shortnames()).length, 21);
  });

  test("runs in the order of the requests", async () => {
    store = await openSqliteStore(file);
    await Promise.all(Array.from({ length: 20 }, (_, index) => insert(`a-${index}`)));
    assert.deepEqual(
      await shortnames(),
      Array.from({ length: 20 }, (_, index) => `a-${index}`),
    );
  });
});

describe("where the disk is full", () => {
  const FULL = "The store can't be written: the disk is full. Nothing was changed.";

  test("a write is refused with that reason, changes nothing, and the next one works once there is room", async () => {
    store = await openSqliteStore(file);
    await insert("acme");
    await onWriter("pragma max_page_count = 1");
    const filled: string[] = [];
    const fill = async () => {
      for (let index = 0; index < 10_000; index++) {
        await insert(`fill-${index}`);
        filled.push(`fill-${index}`);
      }
    };
    await assertUnavailable(fill(), FULL);
    assert.equal(store.writeProblem(), "the disk is full");
    // Repeatedly: no transaction was left open.
    await assertUnavailable(insert("x".repeat(64)).then(fill), FULL);
    assert.ok((await shortnames()).length > 0, "it can be read");
    await onWriter("pragma max_page_count = 1000000");
    await insert("roomy");
    assert.equal(store.writeProblem(), undefined);
    assert.equal((await shortnames()).at(-1), "roomy");
    assert.equal(findChainBreak(await store.events.after(0, 20_000), undefined), undefined);
  });
});

test("if the database is read-only, a write is refused with that reason, and reads work", async () => {
  store = await openSqliteStore(file);
  await insert("acme");
  await onWriter("pragma query_only = on");
  await assertUnavailable(
    insert("late"),
    "The store can't be written: its file, or the file system that it is on, is read-only. Nothing was changed.",
  );
  assert.deepEqual(await shortnames(), ["acme"]);
});

test("a transaction that fails by its own error rejects with it, and the next one works", async () => {
  store = await openSqliteStore(file);
  await insert("acme");
  await assert.rejects(insert("acme"), /UNIQUE constraint failed/);
  assert.equal(store.writeProblem(), undefined);
  await insert("next");
});

test("usage that can't be written now is refused as unavailable, and can be written later", async () => {
  store = await openSqliteStore(file);
  const other = connect();
  other.exec("begin immediate");
  const usage = [{ keyId: 1 as KeyId, lastUsedAtMs: 1, tokensByHour: new Map(), tokensByExpiry: new Map() }];
  await assertUnavailable(
    store.usage.record(usage),
    "The store can't be written: another process holds its write lock.",
  );
  other.exec("rollback");
  await store.usage.record(usage);
});

test("the write-ahead log shrinks again after another process has read for long", async () => {
  store = await openSqliteStore(file);
  await store.transaction(async (transaction) => {
    const account = await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
    await transaction.users.insert({ account, name: "demo", access: "full", createdAtMs: 1 });
  });
  const reader = connect();
  reader.exec("begin; select count(*) from accounts");
  const assertions = (batch: number) =>
    Array.from({ length: 500 }, (_, index) => ({
      userId: 1 as ApiUserId,
      jtiHash: `${batch} ${index} ${"x".repeat(200)}`,
      expiresAtSeconds: 1,
    }));
  const logBytes = () => statSync(`${file}-wal`).size;
  for (let batch = 0; logBytes() < 20 * 1024 * 1024; batch++) await store.assertions.use(assertions(batch));
  reader.close();
  // The first lets a checkpoint empty the log, the second begins it anew.
  for (let index = 0; index < 2; index++) await insert(`after-${index}`);
  assert.ok(logBytes() <= 8 * 1024 * 1024, `${logBytes()} bytes`);
});

describe("a deadline", () => {
  const problem = () => new Error("too late");

  test("doesn't end a write whose commit has begun", async () => {
    const deadline = startDeadline(20, problem);
    deadline.beginCommit();
    assert.equal(await deadline.race(setTimeout(60, "committed")), "committed");
  });

  test("prevents a commit once it has passed", async () => {
    const deadline = startDeadline(1, problem);
    await assert.rejects(deadline.race(new Promise(() => undefined)), { message: "too late" });
    assert.equal(deadline.isOver(), true);
    assert.throws(() => deadline.beginCommit(), { message: "too late" });
  });

  test("of zero has passed immediately; an infinite one never does", () => {
    assert.equal(startDeadline(0, problem).isOver(), true);
    const endless = startDeadline(Infinity, problem);
    assert.equal(endless.isOver(), false);
    endless.beginCommit();
  });
});

test("a commit whose answer is lost reports an unknown outcome, unless the engine knows it", async () => {
  store = await openSqliteStore(file);
  for (const [knowsOutcome, outcome] of [
    [true, "Nothing was changed."],
    [false, "Whether the change was made isn't known; look before you try again."],
  ] as const) {
    const connections = {} as Kysely<Database>;
    const { write } = createWriter(
      { changes: connections },
      {
        begin: () =>
          ({
            async execute(work: (transaction: Transaction<Database>) => Promise<unknown>) {
              await work({} as Transaction<Database>);
              throw new Error("the answer is lost");
            },
          }) as never,
        isLocked: () => false,
        problemOf: () => "the database can't be reached",
        knowsOutcome,
      },
    );
    await assertUnavailable(
      write(connections, () => Promise.resolve()),
      `The store can't be written: the database can't be reached. ${outcome}`,
    );
  }
});
