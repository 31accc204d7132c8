/** Figures of usage, which must be the same on every engine: one suite, run on each engine. Only tests import this. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { UsageScope } from "../core/keys/usage-store.ts";
import type { AccountId } from "../core/accounts/model.ts";
import type { ApiUser, ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { KeyUsageRecord } from "../core/keys/usage-store.ts";
import { HOUR, insertAccount, insertKey, insertUser, openEachStore, used } from "./each-store-contract.ts";
import { expiredBefore, type StoreUnderTest } from "./store-contract.ts";

export function testUsage(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`figures in the store on ${name}`, () => {
    const each = openEachStore(open);

    describe("usage", () => {
      let keys: readonly KeyId[];
      let users: readonly ApiUser[];
      beforeEach(async () => {
        const accounts = [await insertAccount(each.store, "first"), await insertAccount(each.store, "second")];
        const made: ApiUser[] = [];
        for (const [index, account] of [accounts[0], accounts[0], accounts[1]].entries()) {
          assert.ok(account !== undefined);
          made.push(await insertUser(each.store, account, `user-${index}`));
        }
        users = made;
        keys = await each.store.transaction(async (transaction) => {
          const [first, second, third] = made;
          assert.ok(first !== undefined && second !== undefined && third !== undefined);
          return [
            await insertKey(transaction, first, 1),
            await insertKey(transaction, first, 2),
            await insertKey(transaction, second, 3),
            await insertKey(transaction, third, 4),
          ];
        });
      });
      const key = (index: number) => keys[index] as KeyId;
      const scopes = (): readonly UsageScope[] => [
        { keyId: key(0) },
        { userId: users[0]?.id as ApiUserId },
        { accountId: 1 as AccountId },
        {},
      ];

      test("by the hour adds up for a key, a user, an account and everything, over flushes and connections", async () => {
        const other = await each.connect();
        await each.store.usage.record([
          used(key(0), 1, [HOUR, 1], [HOUR + 3600, 2]),
          used(key(1), 1, [HOUR, 10]),
          used(key(2), 1, [HOUR, 100]),
          used(99 as KeyId, 1, [HOUR, 5]),
        ]);
        await other.usage.record([used(key(3), 1, [HOUR, 1000]), used(key(0), 1, [HOUR, 10_000])]);
        const expected = [
          [10_001, 2],
          [10_011, 2],
          [10_111, 2],
          [11_111, 2],
        ];
        for (const [index, scope] of scopes().entries()) {
          const [first = 0, second = 0] = expected[index] ?? [];
          const hours = [
            { hourSeconds: HOUR, tokens: first },
            { hourSeconds: HOUR + 3600, tokens: second },
          ];
          assert.deepEqual(await each.store.usage.hours(scope, HOUR, HOUR + 3601), hours);
          assert.deepEqual(await each.store.usage.hours(scope, HOUR, HOUR + 3600), hours.slice(0, 1));
          assert.deepEqual(await each.store.usage.hours(scope, HOUR + 1, HOUR + 3601), hours.slice(1));
          assert.deepEqual(await each.store.usage.hours(scope, HOUR + 3601, HOUR + 9999), []);
        }
      });

      test("that is removed is removed from all of these figures", async () => {
        await each.store.usage.record([used(key(0), 1, [HOUR, 1], [HOUR + 3600, 2])]);
        await each.store.removeExpired({ ...expiredBefore(0), usageBeforeSeconds: HOUR + 3600 }, 10);
        for (const scope of scopes()) {
          assert.deepEqual(await each.store.usage.hours(scope, 0, HOUR * 2), [{ hourSeconds: HOUR + 3600, tokens: 2 }]);
        }
      });

      test("refusals of a user add up by code over flushes and connections, and are removed with their time", async () => {
        const other = await each.connect();
        const [first, second] = [users[0]?.id as ApiUserId, users[1]?.id as ApiUserId];
        const refused = (userId: ApiUserId, hourSeconds: number, code: string, refusals: number) => ({
          userId,
          hourSeconds,
          code,
          refusals,
        });
        await each.store.usage.recordUserRefusals([
          refused(first, HOUR, "assertion_stale", 1),
          refused(first, HOUR + 3600, "assertion_stale", 2),
          refused(second, HOUR, "assertion_rejected", 9),
        ]);
        await other.usage.recordUserRefusals([
          refused(first, HOUR, "assertion_stale", 10),
          refused(first, HOUR, "key_expired", 5),
        ]);
        await each.store.usage.recordUserRefusals([]);
        const stale = { code: "assertion_stale", refusals: 13, hourSeconds: HOUR + 3600 };
        const expired = { code: "key_expired", refusals: 5, hourSeconds: HOUR };
        assert.deepEqual(await other.usage.userRefusals(first, HOUR), [stale, expired]);
        assert.deepEqual(await other.usage.userRefusals(first, HOUR + 1), [{ ...stale, refusals: 2 }]);
        assert.deepEqual(await other.usage.userRefusals(99 as ApiUserId, 0), []);
        await each.store.removeExpired({ ...expiredBefore(0), userRefusalsBeforeSeconds: HOUR + 3600 }, 10);
        assert.deepEqual(await each.store.usage.userRefusals(first, 0), [{ ...stale, refusals: 2 }]);
        assert.deepEqual(await each.store.usage.userRefusals(second, 0), []);
      });

      const alive = (keyId: KeyId, ...ends: readonly (readonly [number, number])[]): KeyUsageRecord => ({
        keyId,
        lastUsedAtMs: keyId,
        tokensByHour: new Map(),
        tokensByExpiry: new Map(ends),
      });

      test("counts live tokens of a key, a user, an account or everything, by user with the most first", async () => {
        const other = await each.connect();
        await each.store.usage.record([
          alive(key(0), [HOUR, 1], [HOUR + 600, 2]),
          alive(key(1), [HOUR, 10]),
          alive(key(2), [HOUR, 100]),
          alive(99 as KeyId, [HOUR, 5]),
        ]);
        await other.usage.record([alive(key(3), [HOUR, 7]), alive(key(0), [HOUR, 1000])]);
        const [first, second, third] = users.map(({ username }) => username);
        const live = (username = "", liveTokens: number, lastUsedAtMs: number) => ({
          username,
          liveTokens,
          lastUsedAtMs,
        });
        const [ofKey, ofUser, ofAccount, ofAll] = await Promise.all(
          scopes().map((scope) => each.store.usage.liveTokens(scope, HOUR - 1, 10)),
        );
        assert.deepEqual(ofKey, { users: [live(first, 1003, 2)], userCount: 1, liveTokens: 1003 });
        assert.deepEqual(ofUser, { users: [live(first, 1013, 2)], userCount: 1, liveTokens: 1013 });
        const both = [live(first, 1013, 2), live(second, 100, 3)];
        assert.deepEqual(ofAccount, { users: both, userCount: 2, liveTokens: 1113 });
        assert.deepEqual(ofAll, { users: [...both, live(third, 7, 4)], userCount: 3, liveTokens: 1120 });
        const one = await each.store.usage.liveTokens({}, HOUR - 1, 1);
        assert.deepEqual(one, { users: both.slice(0, 1), userCount: 3, liveTokens: 1120 });
        assert.deepEqual(await each.store.usage.liveTokens({ keyId: 99 as KeyId }, 0, 5), {
          users: [],
          userCount: 0,
          liveTokens: 0,
        });
      });

      test("counts tokens as live until the end of their ten minutes, exclusive, and forgets them after it", async () => {
        await each.store.usage.record([alive(key(0), [HOUR, 1], [HOUR + 600, 2])]);
        const count = async (nowSeconds: number) => (await each.store.usage.liveTokens({}, nowSeconds, 1)).liveTokens;
        assert.equal(await count(HOUR - 1), 3);
        assert.equal(await count(HOUR), 2);
        assert.equal(await count(HOUR + 599), 2);
        assert.equal(await count(HOUR + 600), 0);
        assert.equal(await each.store.removeExpired(expiredBefore(HOUR), 10), 0);
        assert.equal(await each.store.removeExpired(expiredBefore(HOUR + 1), 10), 1);
        assert.equal(await count(0), 2);
      });

      test("counts all users, in however many parts they are read", async () => {
        await each.rewrite(
          `insert into api_users (account_id, username, access, status, created_at_ms)
           with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 12000)
           select 2, 'api-2-n' || n, 'full', 'active', n from numbers`,
          `insert into public_keys (user_id, fingerprint, thumbprint, bits, spki, status, created_at_ms)
           select id, 'f', 't', 2048, ${name === "SQLite" ? "x'00'" : "'\\x00'"}, 'active', 1 from api_users where id > 3`,
          `insert into key_expiries (account_id, user_id, key_id, expires_s, tokens)
           select 2, user_id, id, ${HOUR}, 1 + user_id % 2 from public_keys where user_id > 3`,
        );
        const { users: top, ...totals } = await each.store.usage.liveTokens({}, 0, 2);
        assert.deepEqual(totals, { userCount: 12_000, liveTokens: 18_000 });
        assert.deepEqual(
          top.map(({ username, liveTokens }) => [username, liveTokens]),
          [
            ["api-2-n2", 2],
            ["api-2-n4", 2],
          ],
        );
      });
    });

    describe("a key", () => {
      test("is changed only in the named parts", async () => {
        const account = await insertAccount(each.store, "acme");
        const user = await insertUser(each.store, account, "demo");
        const id = await each.store.transaction((transaction) => insertKey(transaction, user, 1));
        const update = async (values: { label?: string | null; expiresAtMs?: number | null }) => {
          await each.store.transaction((transaction) => transaction.keys.update(id, values));
          const key = await each.store.keys.find(id);
          return [key?.label, key?.expiresAtMs, key?.status];
        };
        assert.deepEqual(await update({ label: "Zoë's 🔑" }), ["Zoë's 🔑", null, "active"]);
        assert.deepEqual(await update({ expiresAtMs: 0xffff_ffff * 1000 }), ["Zoë's 🔑", 0xffff_ffff * 1000, "active"]);
        assert.deepEqual(await update({}), ["Zoë's 🔑", 0xffff_ffff * 1000, "active"]);
        assert.deepEqual(await update({ label: null, expiresAtMs: null }), [null, null, "active"]);
      });
    });
  });
}
