import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { ApiUserId } from "../../core/users/model.ts";
import type { Store } from "../../core/store/store.ts";
import { makeTemporaryFolder } from "../../testing/test-registry.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";

/** Each test has a file of its own: they run concurrently, because one of them waits for seconds. */
describe("a transaction, while another process holds the write lock,", { concurrency: true }, () => {
  interface Held {
    readonly store: Store;
    readonly release: () => void;
    readonly end: () => Promise<void>;
  }

  async function holdLock(): Promise<Held> {
    const folder = makeTemporaryFolder();
    const file = folder.file("countersign.db");
    const store = await openSqliteStore(file);
    await store.transaction(async (transaction) => {
      const account = await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
      await transaction.users.insert({ account, name: "demo", access: "full", createdAtMs: 1 });
    });
    const other = new DatabaseSync(file);
    other.exec("begin immediate");
    const release = () => {
      if (other.isOpen) other.close();
    };
    const end = async () => {
      release();
      await store.close();
      folder.remove();
    };
    return { store, release, end };
  }

  const write = (store: Store, shortname: string) =>
    store.transaction((transaction) => transaction.accounts.insert({ shortname, name: shortname, createdAtMs: 1 }));

  test("waits without delaying timers or reads, and continues once the lock is free", async () => {
    const { store, release, end } = await holdLock();
    let isDone = false;
    const writing = write(store, "late").then(() => {
      isDone = true;
    });
    const using = store.assertions.use([{ userId: 1 as ApiUserId, jtiHash: "x", expiresAtSeconds: 1 }]);
    for (let turns = 0; turns < 5; turns++) {
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
      assert.equal((await store.accounts.list()).length, 1);
      assert.equal((await store.users.loadRecord("api-1-demo"))?.user.id, 1);
      assert.equal(typeof (await store.changeMarker()), "string");
    }
    assert.equal(isDone, false);
    release();
    await writing;
    assert.deepEqual(await using, [true]);
    assert.equal((await store.accounts.list()).length, 2);
    await end();
  });

  test("that fails for another reason fails at once", async () => {
    const { store, release, end } = await holdLock();
    release();
    await assert.rejects(write(store, "acme"), /UNIQUE constraint failed/);
    await end();
  });
});
