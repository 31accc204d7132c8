/**
 * What every engine must do to find keys that expire, that nobody uses, and that are weak. Only tests import this.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { Account } from "../core/accounts/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { ApiUser } from "../core/users/model.ts";
import { insertAccount, insertKey, insertUser, openEachStore, used } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const DAY_MS = 86_400_000;
const BEGINNING = { expiresAtMs: 0, idleSinceDay: 0, id: 0 as KeyId };

export function testKeyLifeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the life of keys on ${name}`, () => {
    const each = openEachStore(open);
    let account: Account;
    let user: ApiUser;
    beforeEach(async () => {
      account = await insertAccount(each.store, "acme");
      user = await insertUser(each.store, account, "demo");
    });

    /** Inserts keys with these expiries. */
    const insertExpiring = (...expiries: readonly (number | null)[]) =>
      each.store.transaction(async (transaction) => {
        for (const [index, expiresAtMs] of expiries.entries()) {
          const id = await insertKey(transaction, user, index + 1);
          await transaction.keys.update(id, { expiresAtMs });
        }
      });
    const ids = (keys: readonly { readonly id: KeyId }[]) => keys.map(({ id }) => id);

    test("active keys are listed by expiry and id, in pages, with an inclusive end", async () => {
      await insertExpiring(500, null, 300, 300, 501, 299);
      await each.rewrite("update public_keys set status = 'deactivated' where id = 6");
      const { keyNotices } = each.store;
      assert.deepEqual(ids(await keyNotices.listByExpiry(BEGINNING, 500, 10)), [3, 4, 1]);
      const [first] = await keyNotices.listByExpiry(BEGINNING, 500, 1);
      assert.deepEqual(ids(await keyNotices.listByExpiry(first ?? assert.fail(), 500, 10)), [4, 1]);
      const [third, ...none] = (await keyNotices.listByExpiry(BEGINNING, 500, 10)).slice(2);
      assert.deepEqual(await keyNotices.listByExpiry(third ?? assert.fail(), 500, 10), none);
      assert.deepEqual(third, {
        id: 1,
        username: user.username,
        fingerprint: "SHA256:1",
        accountId: account.id,
        createdAtMs: 3,
        expiresAtMs: 500,
        lastUsedAtMs: null,
        isActive: true,
        isReplaced: false,
        given: [],
      });
    });

    test("a key says whether its user and account are active, and whether a key that lives longer replaces it", async () => {
      await insertExpiring(300, 301, null, 302);
      const facts = async () =>
        (await each.store.keyNotices.listByExpiry(BEGINNING, 1000, 10)).map(({ isActive, isReplaced }) => [
          isActive,
          isReplaced,
        ]);
      await each.rewrite(
        "update public_keys set rotated_from = 1 where id = 2",
        "update public_keys set rotated_from = 2 where id = 3",
        "update public_keys set rotated_from = 4 where id = 1",
      );
      assert.deepEqual(await facts(), [
        [true, true],
        [true, true],
        [true, false],
      ]);
      await each.rewrite("update public_keys set status = 'revoked' where id = 3");
      await each.rewrite("update accounts set status = 'deactivated'");
      assert.deepEqual(await facts(), [
        [false, true],
        [false, false],
        [false, false],
      ]);
    });

    test("a notice is given once for each key, kind and occasion, and is listed for its expiry alone", async () => {
      await insertExpiring(300, 300);
      const give = (id: number, notice: "expiring_7d" | "expiring_1d", aboutMs: number) =>
        each.store.transaction((transaction) => transaction.keyNotices.give(id as KeyId, notice, aboutMs));
      const given = async () => (await each.store.keyNotices.listByExpiry(BEGINNING, 400, 10)).map((key) => key.given);
      assert.equal(await give(1, "expiring_7d", 300), true);
      assert.equal(await give(1, "expiring_7d", 300), false);
      assert.equal(await give(1, "expiring_1d", 301), true);
      assert.equal(await give(2, "expiring_7d", 300), true);
      assert.deepEqual(await given(), [["expiring_7d"], ["expiring_7d"]]);
    });

    test("idle keys are listed by the day and the id, with their last use and whether it was noticed", async () => {
      await each.store.transaction(async (transaction) => {
        for (const number of [1, 2, 3]) await insertKey(transaction, user, number);
      });
      await each.store.usage.record([used(1 as KeyId, 5 * DAY_MS + 7), used(3 as KeyId, 2 * DAY_MS)]);
      const list = async (untilDay: number, limit = 10, after = BEGINNING) =>
        (await each.store.keyNotices.listIdle(after, untilDay, limit)).map((key) => [
          key.id,
          key.idleSinceDay,
          key.lastUsedAtMs,
          key.isNoticed,
        ]);
      const [never, third, first] = [
        [2, 0, null, false],
        [3, 2, 2 * DAY_MS, false],
        [1, 5, 5 * DAY_MS + 7, false],
      ];
      assert.deepEqual(await list(5), [never, third, first]);
      assert.deepEqual(await list(4), [never, third]);
      assert.deepEqual(await list(5, 1, { ...BEGINNING, idleSinceDay: 2, id: 2 as KeyId }), [third]);
      await each.store.transaction(async ({ keyNotices }) => {
        await keyNotices.give(2 as KeyId, "unused", 3);
        await keyNotices.give(3 as KeyId, "unused", 1);
      });
      assert.deepEqual(await list(5), [[2, 0, null, true], third, first]);
    });

    test("a key that an older release added is listed as incomplete, and completed once", async () => {
      await insertExpiring(null, null);
      await each.rewrite("update public_keys set modulus_hash = '', account_id = null where id = 2");
      const { keyAudit } = each.store;
      assert.deepEqual(ids(await keyAudit.listIncomplete(0 as KeyId, 10)), [2]);
      assert.deepEqual(await keyAudit.listIncomplete(2 as KeyId, 10), []);
      for (const hash of ["first", "second"]) {
        await each.store.transaction((transaction) => transaction.keyAudit.complete(2 as KeyId, hash));
      }
      const keys = await keyAudit.listById(0 as KeyId, 10);
      assert.deepEqual(
        keys.map(({ id, modulusHash, accountId }) => [id, modulusHash, accountId]),
        [
          [1, "modulus 1", account.id],
          [2, "first", account.id],
        ],
      );
      assert.deepEqual(ids(await keyAudit.listById(1 as KeyId, 10)), [2]);
      assert.deepEqual(await keyAudit.listIncomplete(0 as KeyId, 10), []);
    });

    test("weak keys are counted by weakness, without revoked ones", async () => {
      await insertExpiring(null, null, null, null);
      await each.store.transaction(async ({ keyAudit, keys }) => {
        for (const id of [1, 2, 4]) await keyAudit.setWeakness(id as KeyId, "roca");
        await keyAudit.setWeakness(3 as KeyId, "prime");
        await keyAudit.setWeakness(4 as KeyId, null);
        await keys.setStatus(2 as KeyId, "revoked");
      });
      assert.deepEqual(
        await each.store.keyAudit.countWeak(),
        new Map([
          ["prime", 1],
          ["roca", 1],
        ]),
      );
      assert.equal((await each.store.keys.find(3 as KeyId))?.weakness, "prime");
    });
  });
}
