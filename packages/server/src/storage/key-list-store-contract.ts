/** The list of all keys, which must be the same on every engine: one suite, run on each engine. Only tests import this. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import { keyPlace } from "../core/keys/key-list.ts";
import type { KeyFilter } from "../core/keys/store.ts";
import type { AccountId } from "../core/accounts/model.ts";
import { assertList, insertAccount, insertKey, insertUser, openEachStore, used } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

const DAY_MS = 86_400_000;
/** Not the beginning of a day. */
const NOW_MS = 20_000 * DAY_MS + 12_345_678;

export function testKeyList(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the list of all keys on ${name}`, () => {
    const each = openEachStore(open);

    /** Keys of two accounts with every status, with and without an expiry and a use, around each bound. */
    async function seed(): Promise<readonly PublicKey[]> {
      const accounts = [await insertAccount(each.store, "first"), await insertAccount(each.store, "second")];
      const users = await Promise.all(accounts.map((account) => insertUser(each.store, account, "demo")));
      const ages = [0, 30, 60].map((days) => NOW_MS - days * DAY_MS);
      const created = [...ages, ...ages.map((atMs) => atMs + 1), ...ages.map((atMs) => atMs - 1), 3];
      const expiries = [null, NOW_MS, NOW_MS + 1, NOW_MS + 7 * DAY_MS, NOW_MS + 7 * DAY_MS + 1];
      const uses: [KeyId, number][] = [];
      await each.store.transaction(async (transaction) => {
        let number = 0;
        for (const createdAtMs of created) {
          for (const expiresAtMs of expiries) {
            const user = users[number % 2];
            assert.ok(user !== undefined);
            const id = await insertKey(transaction, user, ++number, { createdAtMs, expiresAtMs });
            if (number % 5 === 0) await transaction.keys.setStatus(id, "deactivated");
            if (number % 7 === 0) await transaction.keys.setStatus(id, "revoked");
            if (number % 3 === 0) uses.push([id, Math.max(createdAtMs, created[number % created.length] ?? 0)]);
          }
        }
      });
      await each.store.usage.record(uses.map(([id, atMs]) => used(id, atMs)));
      await each.rewrite("update public_keys set weakness = 'roca' where id % 4 = 0");
      const lists = await Promise.all(users.map((user) => each.store.keys.list(user.id)));
      return lists.flat().sort((a, b) => a.id - b.id);
    }

    function matches(filter: KeyFilter, key: PublicKey): boolean {
      const { status, expiringUntilMs, unusedSinceMs, isWeak, accountId, userId } = filter;
      const isLive = key.status === "active" && (key.expiresAtMs === null || key.expiresAtMs > NOW_MS);
      if (status !== undefined && key.status !== status) return false;
      if (accountId !== undefined && Number(key.userId) !== Number(accountId)) return false;
      if (userId !== undefined && key.userId !== userId) return false;
      if (expiringUntilMs !== undefined && !(isLive && (key.expiresAtMs ?? Infinity) <= expiringUntilMs)) return false;
      if (unusedSinceMs !== undefined && !(isLive && (key.lastUsedAtMs ?? key.createdAtMs) <= unusedSinceMs))
        return false;
      return isWeak !== true || (key.weakness !== null && (status !== undefined || key.status !== "revoked"));
    }

    test("is exactly what matches, with every combination of filters, in pages both ways, and counts the same", async () => {
      const keys = await seed();
      const either = <Value>(value: Value) => [undefined, value];
      for (const accountId of either(1 as AccountId))
        for (const userId of either(keys[0]?.userId))
          for (const status of [undefined, "active", "deactivated", "revoked"] as const)
            for (const expiringUntilMs of either(NOW_MS + 7 * DAY_MS))
              for (const unusedSinceMs of either(NOW_MS - 30 * DAY_MS))
                for (const isWeak of either(true as const)) {
                  const filter = { accountId, userId, status, expiringUntilMs, unusedSinceMs, isWeak };
                  const place = keyPlace(filter);
                  const expected = keys
                    .filter((key) => matches(filter, key))
                    .sort((a, b) => compare(place(a), place(b)) * (place(a).length === 1 ? -1 : 1));
                  const what = JSON.stringify(filter);
                  await assertList((page) => each.store.keys.pageAll(filter, NOW_MS, page), place, expected, what);
                  assert.equal(await each.store.keys.count(filter, NOW_MS), expected.length, what);
                }
      assert.equal(await each.store.keys.count({ accountId: 99 as AccountId }, NOW_MS), 0);
    });

    test("orders unused keys by the day of their last use, which moves with each day's first use", async () => {
      const account = await insertAccount(each.store, "acme");
      const user = await insertUser(each.store, account, "demo");
      const id = await each.store.transaction((tx) => insertKey(tx, user, 1, { createdAtMs: 5 * DAY_MS - 1 }));
      const day = async () => (await each.store.keys.find(id))?.idleSinceDay;
      assert.equal(await day(), 4);
      for (const [atMs, expected] of [
        [5 * DAY_MS - 1, 4],
        [5 * DAY_MS, 5],
        [9 * DAY_MS + 1, 9],
        [8 * DAY_MS, 9],
      ] as const) {
        await each.store.usage.record([used(id, atMs)]);
        assert.equal(await day(), expected);
      }
    });
  });

  describe(`refused requests on ${name}`, () => {
    const each = openEachStore(open);

    test("add up by code over hours, flushes and connections, most first", async () => {
      const other = await each.connect();
      await each.store.usage.recordRefusals([
        { hourSeconds: 3600, code: "assertion_stale", refusals: 1 },
        { hourSeconds: 7200, code: "assertion_rejected", refusals: 2 },
        { hourSeconds: 7200, code: "assertion_stale", refusals: 4 },
      ]);
      await other.usage.recordRefusals([{ hourSeconds: 7200, code: "assertion_stale", refusals: 8 }]);
      await other.usage.recordRefusals([]);
      assert.deepEqual(await each.store.usage.refusals(3601), [
        { code: "assertion_stale", refusals: 12 },
        { code: "assertion_rejected", refusals: 2 },
      ]);
      assert.equal((await each.store.usage.refusals(3600))[0]?.refusals, 13);
      assert.deepEqual(await each.store.usage.refusals(7201), []);
    });
  });
}

function compare(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const at = a.findIndex((part, index) => part !== b[index]);
  return Number(a[at] ?? 0) - Number(b[at] ?? 0);
}
