/**
 * What every engine must do to distinguish a store from others and from its own past. Only tests import this.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { acceptStore } from "../core/store-identity/accept-store.ts";
import { goOnAfterLoss, type PositionMemory, rememberPosition } from "../core/store-identity/keep-position.ts";
import { findRestoration, readStorePosition, type StorePosition } from "../core/store-identity/position.ts";
import { findChainBreak } from "../core/feed/audit-chain.ts";
import { createRegistryChanges } from "../testing/test-changes.ts";
import { createSigningKeyChanges } from "../testing/test-changes.ts";
import type { HighestIds } from "../core/store/store.ts";
import { deriveSigningKeys } from "../core/signing-keys/signing-keys.ts";
import { createSystemRandom } from "../platform/random.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { TEST_MASTER_SECRET } from "../testing/test-signing-keys.ts";
import { insertAccount, insertKey, insertUser, openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export function testIdentityStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store's identity on ${name}`, () => {
    const each = openEachStore(open);

    test("is 128 bits, the same on every connection and after a restart, and another for each store", async () => {
      const id = await each.store.storeId();
      assert.match(id, /^[0-9a-f]{32}$/);
      assert.equal(await each.store.transaction((transaction) => transaction.storeId()), id);
      assert.equal(await (await each.connect()).storeId(), id);
      await each.reopen();
      assert.equal(await each.store.storeId(), id);
      const another = await open();
      assert.notEqual(await another.store.storeId(), id);
      await another.store.close();
      await another.cleanup();
    });

    /** One row of each kind whose ids are remembered. */
    async function insertAll(shortname: string) {
      const account = await insertAccount(each.store, shortname);
      const user = await insertUser(each.store, account, "demo");
      return each.store.transaction(async (transaction) => {
        const key = await insertKey(transaction, user, user.id);
        const server = await transaction.resourceServers.insert({ name: shortname, secretHash: "x", createdAtMs: 1 });
        return [account.id, user.id, key, server.id];
      });
    }

    test("records the highest ids, which aren't used again once they are raised", async () => {
      const none = { accounts: 0, users: 0, keys: 0, resourceServers: 0, operators: 0, adminTokens: 0, signingKeys: 0 };
      assert.deepEqual(await each.store.highestIds(), none);
      const raise = (ids: HighestIds) => each.store.transaction((transaction) => transaction.raiseIds(ids));
      // In a store without rows as in one with some; an id that is lower than the next changes nothing.
      await raise({ ...none, accounts: 4, users: 7 });
      assert.deepEqual(await insertAll("first"), [5, 8, 1, 1]);
      await raise({ ...none, accounts: 2, keys: 30, resourceServers: 9, operators: 5 });
      assert.deepEqual(await insertAll("second"), [6, 9, 31, 10]);
      await each.reopen();
      assert.deepEqual(await insertAll("third"), [7, 10, 32, 11]);
      const highest = await each.store.highestIds();
      assert.deepEqual(highest, { ...none, accounts: 7, users: 10, keys: 32, resourceServers: 11 });
    });

    test("changes together with all signing keys when the store is accepted, in one change that the audit log records", async () => {
      const [clock, random] = [createTestClock(), createSystemRandom()];
      const keys = createSigningKeyChanges(each.store, clock);
      await createRegistryChanges(each.store, clock).ensureSigningKey("system", TEST_MASTER_SECRET);
      await keys.rotate("system", TEST_MASTER_SECRET);
      await insertAll("first");
      const position = await readStorePosition(each.store);
      const remembered = { ...position, ids: { ...position.ids, keys: 20, signingKeys: 6 } };
      const accept = async (as: StorePosition | undefined) => {
        const author = unrestrictedAuthor("cli:alice");
        const commit = createCommit(each.store, clock);
        return (await commit((tx) => acceptStore(tx, random, TEST_MASTER_SECRET, as), { author })).result;
      };
      const accepted = await accept(remembered);
      assert.deepEqual([accepted.signingKey, accepted.retired], [7, [1, 2]]);
      assert.deepEqual(await each.store.storeIdentity(), {
        id: accepted.storeId,
        previousId: position.storeId,
        backupAtMs: null,
        isRemembered: false,
      });
      const now = deriveSigningKeys(await each.store.signingKeys.list(), [TEST_MASTER_SECRET], accepted.storeId);
      assert.deepEqual([now.currentNumber, now.numbers], [7, [7]]);
      const events = await each.store.events.after(0, 100);
      assert.deepEqual(
        events.slice(-4).map(({ action, subject }) => `${action} ${subject}`),
        [
          `store.accepted store:${accepted.storeId}`,
          "signing_key.retired signing_key:1",
          "signing_key.retired signing_key:2",
          "signing_key.created signing_key:7",
        ],
      );
      assert.equal(findChainBreak(events, undefined), undefined);
      assert.deepEqual((await insertAll("second"))[2], 21);
      // Another node, which remembers the store as it was, sees that it was accepted, unless it was accepted twice
      // since.
      assert.equal(await findRestoration(each.store, position), undefined);
      await accept(undefined);
      assert.equal((await findRestoration(each.store, position))?.kind, "other");
    });

    /** A memory of the position that ends with the test. */
    function createMemory(): PositionMemory & { position: StorePosition | undefined } {
      return {
        position: undefined,
        read() {
          return this.position;
        },
        async write(position) {
          this.position = position;
        },
      };
    }

    test("distinguishes a store that continues from one that lost events, was changed, or is another", async () => {
      const changes = createRegistryChanges(each.store, createTestClock());
      const memory = createMemory();
      assert.equal(await findRestoration(each.store, undefined), undefined);
      await rememberPosition(each.store, memory);
      assert.equal(await findRestoration(each.store, memory.position), undefined);
      for (const shortname of ["a", "b", "c"]) await changes.createAccount("test", { shortname });
      assert.equal(await findRestoration(each.store, memory.position), undefined, "the store continued");
      await rememberPosition(each.store, memory);
      const whole = memory.position;
      assert.ok(whole !== undefined);
      assert.deepEqual(
        whole.events.map(({ seq }) => seq),
        [1, 2, 3],
      );

      await each.rewrite("delete from audit_events where seq = 3");
      const older = await findRestoration(each.store, whole);
      assert.deepEqual(
        [older?.kind, older?.lastSeq, older?.undone.map(({ seq, subject }) => [seq, subject])],
        ["older", 2, [[3, "account:3"]]],
      );
      await rememberPosition(each.store, memory);
      assert.equal(memory.position, whole, "what was lost isn't forgotten");
      await changes.createAccount("test", { shortname: "d" });
      await changes.createAccount("test", { shortname: "e" });
      const overtaken = await findRestoration(each.store, whole);
      assert.deepEqual([overtaken?.kind, overtaken?.undone.map(({ seq }) => seq)], ["older", [3]]);

      assert.equal((await findRestoration(each.store, { ...whole, storeId: "0".repeat(32) }))?.kind, "other");
      await each.rewrite("update store_identity set backup_at_ms = 86400000");
      assert.deepEqual(await findRestoration(each.store, undefined), {
        kind: "backup",
        lastSeq: 4,
        backupAtMs: 86_400_000,
        rememberedSeq: 0,
        undone: [],
      });
    });

    test("lets a serving node continue after a loss, and never reuses a lost id", async () => {
      const changes = createRegistryChanges(each.store, createTestClock());
      const memory = createMemory();
      for (const shortname of ["a", "b", "c"]) await changes.createAccount("test", { shortname });
      const position = await readStorePosition(each.store);
      memory.position = { ...position, ids: { ...position.ids, accounts: 12 } };
      assert.equal(await goOnAfterLoss(each.store, memory), undefined);
      await each.rewrite("delete from audit_events where seq > 1");
      const lost = await goOnAfterLoss(each.store, memory);
      assert.deepEqual(
        lost?.undone.map(({ seq }) => seq),
        [2, 3],
      );
      assert.equal((await changes.createAccount("test", { shortname: "d" })).id, 13);
      assert.equal(await findRestoration(each.store, memory.position), undefined);
      assert.equal(await goOnAfterLoss(each.store, memory), undefined);
    });
  });
}
