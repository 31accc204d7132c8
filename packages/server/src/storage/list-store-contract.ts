/** The other lists, and input that no list may fail on: one suite, run on each engine. Only tests import this. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventFilter } from "../core/feed/store.ts";
import type { PageKey, PageRequest } from "../core/store/page.ts";
import type { InvitationId } from "../core/operators/model.ts";
import { findChainBreak } from "../core/feed/audit-chain.ts";
import { createRegistryChanges } from "../testing/test-changes.ts";
import type { Account, AccountId } from "../core/accounts/model.ts";
import type { ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import { createTestClock } from "../testing/test-clock.ts";
import {
  assertList,
  HOUR,
  insertAccount,
  insertKey,
  insertUser,
  openEachStore,
  UNDO_0004,
  UNDO_0012,
  used,
} from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export function testLists(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`lists in the store on ${name}`, () => {
    const each = openEachStore(open);

    describe("the list of accounts", () => {
      const byId = ({ id }: { readonly id: number }) => [id];

      test("finds by any part of either name in any case, by standing, and by id", async () => {
        const names = [
          ["acme", "ACME Gmbh"],
          ["umlaut", "Änderung & Co"],
          ["shop", "acme's shop"],
          ["acme-2", "Zweite"],
          ["other", "Über-Acme"],
        ] as const;
        const accounts: Account[] = [];
        for (const [shortname, label] of names) accounts.push(await insertAccount(each.store, shortname, label));
        const [first, umlaut, shop, second, other] = accounts;
        assert.ok(first && umlaut && shop && second && other);
        await each.store.transaction((transaction) => transaction.accounts.setStatus(shop.id, "deactivated"));
        await insertUser(each.store, first, "demo");
        await insertUser(each.store, first, "demo2");
        const listed = (...those: readonly Account[]) =>
          those.map((account) => ({
            ...account,
            status: account === shop ? ("deactivated" as const) : ("active" as const),
            users: account === first ? 2 : 0,
          }));
        for (const [filter, expected] of [
          [{}, accounts],
          [{ search: "" }, accounts],
          [{ search: "acme" }, [first, shop, second, other]],
          [{ search: "ACME" }, [first, shop, second, other]],
          [{ search: "äNd" }, [umlaut]],
          [{ search: "über" }, [other]],
          [{ search: "cme" }, [first, shop, second, other]],
          [{ search: "acme g" }, [first]],
          [{ search: "acme%" }, []],
          [{ status: "deactivated" }, [shop]],
          [{ status: "active", search: "ac" }, [first, second, other]],
          [{ accountId: shop.id }, [shop]],
          [{ accountId: shop.id, status: "active" }, []],
          [{ accountId: shop.id, search: "ACME'" }, [shop]],
          [{ accountId: shop.id, search: "z" }, []],
          [{ accountId: 99 as AccountId }, []],
        ] as const) {
          await assertList(
            (page) => each.store.accounts.page(filter, page),
            byId,
            listed(...expected),
            JSON.stringify(filter),
          );
        }
        const byShortname = listed(first, shop, second, umlaut, other).toSorted((a, b) =>
          a.shortname < b.shortname ? -1 : 1,
        );
        await assertList(
          (page) => each.store.accounts.page({}, page, "shortname"),
          ({ shortname, id }) => [shortname, id],
          byShortname,
          "by shortname",
        );
        assert.deepEqual(await each.store.accounts.find("acme"), first);
        assert.equal(await each.store.accounts.find("ACME"), undefined);
        assert.deepEqual([await each.store.accounts.findListed("acme")], listed(first));
        for (const absent of ["ACME", "a\0b"]) assert.equal(await each.store.accounts.findListed(absent), undefined);
      });
    });

    describe("the lists of keys, resource servers, operators, invitations and admin tokens", () => {
      const byId = ({ id }: { readonly id: number }) => [id];

      test("are exactly what matches, with every filter, in pages both ways", async () => {
        const account = await insertAccount(each.store, "acme");
        const user = await insertUser(each.store, account, "demo");
        const other = await insertUser(each.store, account, "other");
        await each.store.transaction(async (transaction) => {
          for (let number = 1; number <= 8; number++) await insertKey(transaction, user, number);
          await insertKey(transaction, other, 1);
          for (const serverName of ["shop", "shop-2", "Über", "other"]) {
            const { id } = await transaction.resourceServers.insert({
              name: serverName,
              secretHash: serverName,
              createdAtMs: 1,
            });
            if (id % 2 === 0) await transaction.resourceServers.update(id, { status: "deactivated" });
          }
          for (const [index, role] of (["owner", "admin", "viewer", "viewer"] as const).entries()) {
            const accountId = index % 2 === 0 ? null : account.id;
            const grant = { role, accountId, createdAtMs: 1 };
            await transaction.operators.insert({
              ...grant,
              email: `${index % 3}.${role}@example.com`,
              passwordHash: null,
              federated: null,
            });
            const link = { ...grant, createdBy: "cli:alice", secretHash: `${index}`, email: "new@example.com" };
            const unbound = { expiresAtMs: null, operatorId: null, hostName: null };
            await transaction.invitations.insert({ ...link, kind: "invitation", expiresAtMs: 1000 + index });
            await transaction.adminTokens.insert({ ...link, name: `token ${index}`, ...unbound });
          }
          await transaction.invitations.insert({
            kind: "setup",
            role: "owner",
            accountId: null,
            createdAtMs: 1,
            createdBy: "setup",
            secretHash: "setup",
            email: null,
            expiresAtMs: 5000,
          });
        });
        const keys = (await each.store.keys.list(user.id)).toReversed();
        assert.equal(keys.length, 8);
        await assertList((page) => each.store.keys.page(user.id, page), byId, keys, "keys");
        await assertList((page) => each.store.keys.page(99 as ApiUserId, page), byId, [], "keys of an unknown user");

        const servers = await each.store.resourceServers.list();
        assert.deepEqual(await each.store.resourceServers.find("shop-2"), servers[1]);
        for (const status of [undefined, "active", "deactivated"] as const) {
          for (const search of [undefined, "", "shop", "shop-", "Ü", "x", "%"]) {
            await assertList(
              (page) => each.store.resourceServers.page({ status, search }, page),
              byId,
              servers.filter(
                (server) =>
                  (status ?? server.status) === server.status &&
                  server.name.toLowerCase().includes(search?.toLowerCase() ?? ""),
              ),
              `servers ${status} ${search}`,
            );
          }
        }

        const operators = (await each.store.operators.page({}, { limit: 10 })).items;
        assert.equal(operators.length, 4);
        for (const accountId of [undefined, account.id]) {
          for (const role of [undefined, "owner", "viewer"] as const) {
            for (const search of [undefined, "0", "0.V", "x"]) {
              await assertList(
                (page) => each.store.operators.page({ accountId, role, search, status: "active" }, page),
                byId,
                operators.filter(
                  (operator) =>
                    (accountId ?? operator.accountId) === operator.accountId &&
                    (role ?? operator.role) === operator.role &&
                    operator.email.includes(search?.toLowerCase() ?? ""),
                ),
                `operators ${accountId} ${role} ${search}`,
              );
            }
          }
        }
        const deactivated = await each.store.operators.page({ status: "deactivated" }, { limit: 10 });
        assert.equal(deactivated.count, 0);

        const invitations = (await each.store.invitations.page({}, 0, { limit: 10 })).items;
        assert.deepEqual(
          invitations.map(({ secretHash }) => secretHash),
          ["3", "2", "1", "0"],
        );
        for (const accountId of [undefined, account.id]) {
          for (const nowMs of [999, 1000, 1001, 1003]) {
            await assertList(
              (page) => each.store.invitations.page({ accountId }, nowMs, page),
              byId,
              invitations.filter((one) => (accountId ?? one.accountId) === one.accountId && one.expiresAtMs > nowMs),
              `invitations ${accountId} ${nowMs}`,
            );
          }
        }

        const tokens = (await each.store.adminTokens.page({}, { limit: 10 })).items;
        assert.deepEqual(
          tokens.map((token) => token.name),
          ["token 3", "token 2", "token 1", "token 0"],
        );
        await assertList(
          (page) => each.store.adminTokens.page({ accountId: account.id }, page),
          byId,
          tokens.filter(({ accountId }) => accountId === account.id),
          "tokens of an account",
        );
      });

      test("skip nothing and repeat nothing when items are removed meanwhile, including the one at which a page begins", async () => {
        await each.store.transaction(async (transaction) => {
          for (let number = 1; number <= 9; number++) {
            await transaction.invitations.insert({
              kind: "invitation",
              secretHash: `${number}`,
              email: "new@example.com",
              role: "viewer",
              accountId: null,
              createdBy: "cli:alice",
              createdAtMs: 1,
              expiresAtMs: 1000,
            });
          }
        });
        const remove = (id: number) =>
          each.store.transaction((transaction) => transaction.invitations.delete(id as InvitationId));
        const read = async (page: PageRequest) => {
          const { items, ...rest } = await each.store.invitations.page({}, 0, page);
          return { ids: items.map(({ id }) => id), ...rest };
        };
        const after = { limit: 3, from: { key: [7], direction: "after" } } as const;
        assert.deepEqual(await read(after), { ids: [6, 5, 4], hasPrevious: true, hasNext: true, count: 9, before: 3 });
        for (const id of [7, 5]) await remove(id);
        assert.deepEqual(await read(after), { ids: [6, 4, 3], hasPrevious: true, hasNext: true, count: 7, before: 2 });
        for (const id of [8, 9]) await remove(id);
        assert.deepEqual(await read(after), { ids: [6, 4, 3], hasPrevious: false, hasNext: true, count: 5, before: 0 });
        const before = { limit: 3, from: { key: [3], direction: "before" } } as const;
        assert.deepEqual(await read(before), { ids: [6, 4], hasPrevious: false, hasNext: true, count: 5, before: 0 });
        for (const id of [1, 2, 3]) await remove(id);
        assert.deepEqual(await read(before), { ids: [6, 4], hasPrevious: false, hasNext: false, count: 2, before: 0 });
      });
    });

    describe("strangers' texts, ids and keys", () => {
      test("that can't be in a store find nothing, and aren't an error", async () => {
        const account = await insertAccount(each.store, "acme");
        await insertUser(each.store, account, "demo");
        await each.store.transaction((transaction) =>
          transaction.events.append({ atMs: 1, actor: "a", action: "key.added", subject: "key:1", details: {} }),
        );
        const limit = 5;
        for (const text of ["a\0", "\0", "\ud800", "x".repeat(100_000), "' or 1=1 --", "api-99999999999-x"]) {
          for (const page of [
            await each.store.users.page({ search: text }, "newest", 0, { limit }),
            await each.store.users.page({ search: text }, "name", 0, { limit }),
            await each.store.accounts.page({ search: text }, { limit }),
            await each.store.resourceServers.page({ search: text }, { limit }),
            await each.store.operators.page({ search: text }, { limit }),
            await each.store.events.page({ actor: text }, { limit }),
            await each.store.events.page({ subject: text }, { limit }),
            await each.store.events.page({ action: text }, { limit }),
          ]) {
            assert.deepEqual(
              page,
              { items: [], hasPrevious: false, hasNext: false, count: 0, before: 0 },
              text.slice(0, 20),
            );
          }
          assert.equal(await each.store.accounts.find(text), undefined);
          assert.equal(await each.store.resourceServers.find(text), undefined);
          assert.equal(await each.store.users.findListed(text, 0), undefined);
        }
        for (const id of [0, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, 1e300, 1.5, Number.NaN]) {
          const accountId = id as AccountId;
          for (const page of [
            await each.store.users.page({ accountId }, "newest", 0, { limit }),
            await each.store.accounts.page({ accountId }, { limit }),
            await each.store.keys.page(id as ApiUserId, { limit }),
            await each.store.operators.page({ accountId }, { limit }),
            await each.store.invitations.page({ accountId }, 0, { limit }),
            await each.store.adminTokens.page({ accountId }, { limit }),
            await each.store.events.page({ accountId }, { limit }),
          ]) {
            assert.deepEqual(page, { items: [], hasPrevious: false, hasNext: false, count: 0, before: 0 }, String(id));
          }
          for (const scope of [{ accountId }, { userId: id as ApiUserId }, { keyId: id as KeyId }]) {
            assert.deepEqual(await each.store.usage.hours(scope, 0, HOUR), []);
            assert.deepEqual(await each.store.usage.liveTokens(scope, 0, 5), {
              users: [],
              userCount: 0,
              liveTokens: 0,
            });
          }
        }
      });

      test("give an empty page where they can't be an item's key", async () => {
        const account = await insertAccount(each.store, "acme");
        await insertUser(each.store, account, "demo");
        const keys: readonly PageKey[] = [
          [],
          ["1"],
          [0],
          [-1],
          [2 ** 31],
          [1e300],
          [1.5],
          [Number.NaN],
          [1, 1],
          ["a\0", 1],
        ];
        for (const key of keys) {
          for (const direction of ["after", "before"] as const) {
            const page = { limit: 5, from: { key, direction } };
            const { items } = await each.store.users.page({}, "newest", 0, page);
            assert.deepEqual(items, [], JSON.stringify(key));
            if (key.length !== 2 || key[0] === "a\0") {
              assert.deepEqual((await each.store.users.page({}, "name", 0, page)).items, []);
            }
          }
        }
      });

      test("in times are compared exactly, however great", async () => {
        await each.store.transaction((transaction) =>
          transaction.events.append({ atMs: 5, actor: "a", action: "key.added", subject: "key:1", details: {} }),
        );
        const count = async (filter: EventFilter) => (await each.store.events.page(filter, { limit: 1 })).count;
        for (const fromMs of [5, 4.5, -1e300, Number.NEGATIVE_INFINITY]) assert.equal(await count({ fromMs }), 1);
        for (const fromMs of [5.1, 1e300, Number.POSITIVE_INFINITY, Number.NaN])
          assert.equal(await count({ fromMs }), 0);
        for (const untilMs of [5.1, 6, 1e300, Number.POSITIVE_INFINITY]) assert.equal(await count({ untilMs }), 1);
        for (const untilMs of [5, 4.9, -1e300, Number.NaN]) assert.equal(await count({ untilMs }), 0);
      });
    });

    describe("a store of the release before", () => {
      test("gets the names, counts of users, accounts of events and hours of accounts for its existing rows", async () => {
        const changes = createRegistryChanges(each.store, createTestClock());
        await changes.createAccount("test", { shortname: "first", name: "ÄRGER" });
        await changes.createAccount("test", { shortname: "second" });
        for (const [userName, account] of [
          ["one", "first"],
          ["two-api-1", "first"],
          ["three", "second"],
        ] as const) {
          await changes.createUser("test", { name: userName, account, access: "full" });
        }
        await changes.setUserStanding("test", "api-2-three", "deactivated");
        await changes.ensureSigningKey("test", Buffer.alloc(32, 1));
        const users = await each.store.users.list();
        const keyIds = await each.store.transaction(async (transaction) => {
          const ids: KeyId[] = [];
          for (const user of users) ids.push(await insertKey(transaction, user, user.id));
          // A text that an operator chose doesn't decide to which account an event belongs.
          const details = { label: '","username":"api-2-three"', note: '\\"username\\":\\"api-2-three\\"' };
          const event = { atMs: 1, actor: "test", action: "signing_key.created", subject: "signing_key:9" } as const;
          await transaction.events.append({ ...event, details });
          return ids;
        });
        await each.store.usage.record(keyIds.map((id, index) => used(id, 1, [HOUR, 10 ** index], [HOUR + 3600, 1])));
        const before = await each.store.events.after(0, 100);
        await each.rewrite(...UNDO_0012[each.store.engine], ...UNDO_0004);
        await each.reopen();

        const events = await each.store.events.after(0, 100);
        assert.deepEqual(
          events.map((event) => ({ ...event, accountId: undefined })),
          before.map((event) => ({ ...event, accountId: undefined })),
        );
        assert.equal(findChainBreak(events, undefined), undefined);
        assert.deepEqual(
          events.map((event) => event.accountId),
          [1, 2, 1, 1, 2, 2, undefined, undefined],
        );
        assert.deepEqual(await each.store.users.list(), users);
        const found = await each.store.users.page({ search: "two-api" }, "name", 0, { limit: 5 });
        assert.deepEqual(
          found.items.map(({ username }) => username),
          ["api-1-two-api-1"],
        );
        const accounts = await each.store.accounts.page({ search: "ärg" }, { limit: 5 });
        assert.deepEqual(
          accounts.items.map(({ shortname, users: count }) => [shortname, count]),
          [["first", 2]],
        );
        assert.deepEqual(await each.store.usage.hours({ accountId: 1 as AccountId }, 0, HOUR * 2), [
          { hourSeconds: HOUR, tokens: 11 },
          { hourSeconds: HOUR + 3600, tokens: 2 },
        ]);
        assert.deepEqual(await each.store.usage.hours({}, 0, HOUR + 1), [{ hourSeconds: HOUR, tokens: 111 }]);
        assert.equal(await each.store.operators.count(), 0);
      });
    });
  });
}
