/**
 * The list of API users, which must be the same on every engine: one suite, run on each engine. Only tests import this.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Access, COUNT_MAX } from "@countersign/protocol";
import type { ListedUser, UserFilter, UserOrder } from "../core/users/store.ts";
import type { Page, PageRequest } from "../core/store/page.ts";
import type { Account, AccountId } from "../core/accounts/model.ts";
import type { ApiUser } from "../core/users/model.ts";
import type { Standing } from "../core/standing.ts";
import {
  assertList,
  HOUR,
  insertAccount,
  insertKey,
  insertUser,
  openEachStore,
  type Read,
  used,
} from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export function testUserList(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`API users in the store on ${name}`, () => {
    const each = openEachStore(open);

    test("users are found by their usernames, and an account's in the order of their names, with their keys", async () => {
      const [first, second] = [await insertAccount(each.store, "first"), await insertAccount(each.store, "second")];
      const names = ["b", "a.b", "a-b", "ab", "a", "a_b", "0"];
      await each.store.transaction(async (transaction) => {
        for (const account of [first, second]) {
          for (const userName of names) {
            const access = userName === "a" ? "read_only" : "full";
            const user = await transaction.users.insert({ account, name: userName, access, createdAtMs: 1 });
            if (userName === "b") await transaction.users.setStatus(user.id, "deactivated");
            await insertKey(transaction, user, user.id);
          }
        }
      });
      const { users, keys } = each.store;
      const after = async (afterName: string, limit = 100) =>
        (await users.listAfter(first.id, afterName, limit)).map(({ username }) => username.slice("api-1-".length));
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await after(""), sorted);
      assert.deepEqual(await after("a", 2), sorted.slice(2, 4));
      assert.deepEqual(await after("a\0"), []);
      assert.deepEqual(await after("b"), []);
      assert.deepEqual(await users.listAfter(99 as Account["id"], "", 10), []);
      const found = await users.findAll(["api-2-a", "api-1-b", "api-1-none", "\0"]);
      assert.deepEqual(found.map(({ username }) => username).toSorted(), ["api-1-b", "api-2-a"]);
      assert.deepEqual(await users.findAll([]), []);
      const owned = await keys.listOf(found.map(({ id }) => id));
      assert.deepEqual(
        owned.map(({ username }) => username),
        ["api-1-b", "api-2-a"],
      );
      assert.deepEqual(await keys.listOf([]), []);
    });

    describe("the list of users", () => {
      const NAMES = ["demo", "Z", "a", "a-b", "a.b", "a_b", "ab", "0", "api-1-de", "api-2-demo", "delta", "api", "zz"];
      const ACCESSES: readonly Access[] = ["full", "full", "read_only"];
      const STANDINGS: readonly Standing[] = ["active", "active", "active", "deactivated"];
      let accounts: readonly Account[];
      let users: readonly ApiUser[];
      const labels = new Map<number, string>();

      async function fill(): Promise<void> {
        accounts = await Promise.all(
          ["first", "second"].map((shortname) => insertAccount(each.store, shortname, `${shortname} GmbH`)),
        );
        users = await each.store.transaction(async (transaction) => {
          const made: ApiUser[] = [];
          for (const [index, userName] of NAMES.entries()) {
            for (const account of accounts) {
              const access = ACCESSES[(index + account.id) % ACCESSES.length] ?? "full";
              const user = await transaction.users.insert({ account, name: userName, access, createdAtMs: index });
              const status = STANDINGS[index % STANDINGS.length] ?? "active";
              if (status !== "active") await transaction.users.setStatus(user.id, status);
              // Every other one of those that are deactivated.
              const archivedAtMs = status === "deactivated" && index % 2 === 1 ? 7 : null;
              const displayName = index % 3 === 0 ? `Über Shop ${index}` : null;
              const stored = { ...user, status, archivedAtMs, displayName };
              await transaction.users.update(user.id, stored);
              const keyId = await insertKey(transaction, user, user.id);
              if (index % 2 === 0) {
                const label = `Kühlhaus prod ${index}`;
                await transaction.keys.update(keyId, { label });
                labels.set(user.id, label);
              }
              made.push(stored);
            }
          }
          return made;
        });
      }
      const nameOf = ({ username, accountId }: ApiUser) => username.slice(`api-${accountId}-`.length);
      const keyIn = (order: UserOrder) => (user: ApiUser) => (order === "name" ? [nameOf(user), user.id] : [user.id]);
      const textsOf = (user: ApiUser) => [
        user.username,
        user.displayName ?? "",
        user.account,
        `${user.account} GmbH`,
        labels.get(user.id) ?? "",
      ];

      /** The specification of a search, written differently. */
      function matching(filter: UserFilter, order: UserOrder): readonly ApiUser[] {
        const { accountId, status, access, search = "", namePrefix = "", archived = false } = filter;
        return users
          .filter(
            (user) =>
              archived === (user.archivedAtMs !== null) &&
              (accountId ?? user.accountId) === user.accountId &&
              (status ?? user.status) === user.status &&
              (access ?? user.access) === user.access &&
              nameOf(user).startsWith(namePrefix) &&
              textsOf(user).some((text) => text.toLowerCase().includes(search.toLowerCase())),
          )
          .toSorted((a, b) => (order === "name" ? byBytes(nameOf(a), nameOf(b)) || a.id - b.id : b.id - a.id));
      }
      const read =
        (filter: UserFilter, order: UserOrder): Read<ApiUser> =>
        async (page) => {
          const { items, ...rest } = await each.store.users.page(filter, order, 0, page);
          return { items: items.map(withoutFigures), ...rest };
        };

      test("is exactly what matches, with every filter and in either order, in pages both ways", async () => {
        await fill();
        for (const order of ["newest", "name"] as const) {
          for (const accountId of [undefined, accounts[1]?.id]) {
            for (const status of [undefined, "active", "deactivated"] as const) {
              for (const access of [undefined, "full", "read_only"] as const) {
                for (const archived of [undefined, true]) {
                  const filter = { accountId, status, access, archived };
                  await assertList(
                    read(filter, order),
                    keyIn(order),
                    matching(filter, order),
                    `${order} ${JSON.stringify(filter)}`,
                  );
                }
              }
            }
          }
        }
      });

      test("finds by the start of a name, in the order of the names", async () => {
        await fill();
        for (const namePrefix of ["a", "de", "api-1-d", "Z", "z", "a_", "a%", "nobody"]) {
          for (const rest of [{}, { accountId: accounts[0]?.id }, { status: "active", access: "full" }] as const) {
            const filter = { namePrefix, ...rest };
            await assertList(read(filter, "name"), keyIn("name"), matching(filter, "name"), JSON.stringify(filter));
          }
        }
      });

      test("finds by any part of a username, a display name, an account or a label, with filters and in either order", async () => {
        await fill();
        const searches = ["", "A", "1-api-2", "DEMO", "em", "lta", "_", "a%", "BER shop", "über", "SECOND Gm", "KÜHL"];
        searches.push("prod 1", "aaa", "x".repeat(200), '"de"', "demo OR a", "\ud800");
        const filters = [
          {},
          { accountId: accounts[0]?.id, archived: true },
          { status: "active", access: "full" },
        ] as const;
        for (const [index, search] of searches.entries()) {
          for (const rest of filters) {
            const order = index % 2 === 0 ? "newest" : "name";
            const filter = { search, ...rest };
            const message = `${order} ${JSON.stringify(filter)}`;
            await assertList(read(filter, order), keyIn(order), matching(filter, order), message);
          }
        }
      });

      test("finds the owner of a key by the beginning of its fingerprint or thumbprint, four characters at least", async () => {
        const account = await insertAccount(each.store, "acme");
        const user = await insertUser(each.store, account, "demo");
        await insertUser(each.store, account, "other");
        await each.store.transaction(async (transaction) => insertKey(transaction, user, 1));
        await each.rewrite(`update public_keys set fingerprint = 'SHA256:AbC/+xyz', thumbprint = 'Thu-_mb7'`);
        for (const [search, isFound] of [
          ["SHA256:AbC/", true],
          ["SHA256:AbC/+xyz", true],
          ["AbC/+", true],
          ["Thu-", true],
          ["SHA256:AbC", false],
          ["AbC", false],
          ["abc/", false],
          ["SHA256:Thu-", false],
          ["AbC/+xyz0", false],
          ["bC/+", false],
          ["sha256:AbC/", false],
          ["SHA256:", false],
        ] as const) {
          const { items, count } = await each.store.users.page({ search }, "newest", 0, { limit: 5 });
          assert.deepEqual(
            items.map(({ username }) => username),
            isFound ? ["api-1-demo"] : [],
            search,
          );
          assert.equal(count, isFound ? 1 : 0);
        }
      });

      test("finds what something is called now, and no longer what it was called", async () => {
        const account = await insertAccount(each.store, "acme");
        const user = await insertUser(each.store, account, "demo");
        const keyId = await each.store.transaction(async (transaction) => insertKey(transaction, user, 1));
        const isFound = async (search: string) =>
          (await each.store.users.page({ search }, "newest", 0, { limit: 5 })).count === 1;
        for (const name of ["Ada's shop", "Cycles Ltd", null]) {
          await each.store.transaction((transaction) =>
            transaction.users.update(user.id, { ...user, displayName: name }),
          );
          assert.deepEqual(
            [await isFound("da's sh"), await isFound("cles lt")],
            [name === "Ada's shop", name === "Cycles Ltd"],
          );
          assert.ok(await isFound("i-1-dem"));
        }
        for (const label of ["laptop", "server", null]) {
          await each.rewrite(
            `update public_keys set label = ${label === null ? "null" : `'${label}'`} where id = ${keyId}`,
          );
          assert.deepEqual([await isFound("apto"), await isFound("erve")], [label === "laptop", label === "server"]);
        }
      });

      test("skips nothing and repeats nothing when users are added meanwhile", async () => {
        await fill();
        for (const order of ["newest", "name"] as const) {
          const expected = matching({}, order);
          const first = await read({}, order)({ limit: 5 });
          const [account] = accounts;
          assert.ok(account !== undefined);
          // In the order of names, one is before what was read and one after it.
          for (const beginning of ["-", "z"]) await insertUser(each.store, account, `${beginning}${order}`);
          const last = first.items.at(-1);
          assert.ok(last !== undefined);
          const second = await read({}, order)({ limit: 5, from: { key: keyIn(order)(last), direction: "after" } });
          assert.deepEqual([...first.items, ...second.items], expected.slice(0, 10));
          assert.equal(second.hasPrevious, true);
          const [start] = second.items;
          assert.ok(start !== undefined);
          const back = await read({}, order)({ limit: 5, from: { key: keyIn(order)(start), direction: "before" } });
          assert.deepEqual(back.items, first.items);
          assert.equal(back.hasPrevious, true, "what came before it meanwhile");
          users = (await each.store.users.list()).slice();
        }
      });

      test("can begin after a key that no user has", async () => {
        await fill();
        const expected = matching({}, "name");
        const page = await read({}, "name")({ limit: 100, from: { key: ["a_", 1], direction: "after" } });
        assert.deepEqual(
          page.items,
          expected.filter((user) => byBytes(nameOf(user), "a_") > 0),
        );
        const beyond = await read({}, "name")({ limit: 5, from: { key: ["zzz", 1], direction: "after" } });
        assert.deepEqual([beyond.items, beyond.hasPrevious, beyond.hasNext], [[], true, false]);
        const before = await read({}, "newest")({ limit: 5, from: { key: [10_000], direction: "before" } });
        assert.deepEqual([before.items, before.hasPrevious, before.hasNext], [[], false, true]);
      });

      test("has each user's figures: its keys, its last use, and today's tokens", async () => {
        const account = await insertAccount(each.store, "acme");
        const user = await insertUser(each.store, account, "demo");
        const other = await insertUser(each.store, account, "other", "read_only");
        const [first, second, third] = await each.store.transaction(
          async (transaction) =>
            [
              await insertKey(transaction, user, 1),
              await insertKey(transaction, user, 2),
              await insertKey(transaction, user, 3),
              await insertKey(transaction, other, 1),
            ] as const,
        );
        await each.store.transaction((transaction) => transaction.keys.setStatus(second, "revoked"));
        await each.store.usage.record([
          used(first, 5, [HOUR - 3600, 1], [HOUR, 10]),
          used(second, 7, [HOUR, 100], [HOUR + 3600, 1000]),
        ]);
        assert.ok(third > second);
        const figures = { activeKeys: 2, keys: 3, lastUsedAtMs: 7, tokensToday: 1110 };
        const expected: readonly ListedUser[] = [
          { ...other, activeKeys: 1, keys: 1, lastUsedAtMs: null, tokensToday: 0 },
          { ...user, ...figures },
        ];
        const page = await each.store.users.page({}, "newest", HOUR, { limit: 10 });
        assert.deepEqual(page.items, expected);
        assert.deepEqual(await each.store.users.findListed("api-1-demo", HOUR), expected[1]);
        const later = await each.store.users.findListed("api-1-demo", HOUR + 3600);
        assert.equal(later?.tokensToday, 1000);
        assert.equal(await each.store.users.findListed("api-1-nobody", HOUR), undefined);
      });

      describe(`with more than ${COUNT_MAX} users`, () => {
        const numbers = (count: number) => `with recursive numbers (n) as (
          select 1 union all select n + 1 from numbers where n < ${count}) select n from numbers`;
        async function fillMany(count: number): Promise<void> {
          await insertAccount(each.store, "acme");
          await each.rewrite(
            `insert into api_users (account_id, username, access, status, created_at_ms)
             select 1, 'api-1-' || case when n % 1000 = 0 then 'rare' else 'many' end || n, 'full', 'active', n
             from (${numbers(count)}) as counted`,
          );
        }
        const ids = (page: Page<ListedUser>) => page.items.map(({ id }) => id);

        test(`counts up to ${COUNT_MAX}, and says if there are more`, async () => {
          await fillMany(COUNT_MAX);
          const count = async (filter: UserFilter) =>
            (await each.store.users.page(filter, "newest", 0, { limit: 1 })).count;
          assert.equal(await count({}), COUNT_MAX);
          assert.equal(await count({ search: "many" }), COUNT_MAX - COUNT_MAX / 1000);
          const account = await insertAccount(each.store, "other");
          await insertUser(each.store, account, "one");
          assert.equal(await count({}), COUNT_MAX + 1);
          assert.equal(await count({ accountId: account.id }), 1);
          await insertUser(each.store, account, "two");
          assert.equal(await count({}), COUNT_MAX + 1);
          assert.equal(await count({ status: "active" }), COUNT_MAX + 1);
          assert.equal(await count({ search: "api-1" }), COUNT_MAX);
          assert.equal(await count({ search: "a" }), COUNT_MAX + 1);
          assert.equal(await count({ search: "an", accountId: account.id }), 0);
        });

        test("finds many, few or one of them, in either order and however far the list is paged", async () => {
          await fillMany(COUNT_MAX + 1500);
          const page = (search: string, request: PageRequest = { limit: 3 }, order: UserOrder = "name") =>
            each.store.users.page({ search }, order, 0, request);
          assert.deepEqual(ids(await page("any")), [1, 10, 100]);
          assert.deepEqual(ids(await page("i-1", { limit: 3 }, "newest")), [11_500, 11_499, 11_498]);
          assert.deepEqual(ids(await page("api-1-many")), [1, 10, 100]);
          assert.deepEqual(ids(await page("are")), [1000, 10_000, 11_000]);
          assert.deepEqual(ids(await page("ny777")), [777, 7770, 7771]);
          assert.deepEqual(ids(await page("77", { limit: 4 })), [10_077, 10_177, 10_277, 10_377]);
          const from = { key: ["many1000", 1], direction: "after" } as const;
          assert.deepEqual(ids(await page("any", { limit: 3, from })), [10_001, 10_002, 10_003]);
          const back = await page("any", { limit: 2, from: { ...from, direction: "before" } });
          assert.deepEqual([ids(back), back.hasPrevious, back.hasNext], [[10, 100], true, true]);
          // The last ones are beyond what is counted.
          for (const [direction, expected] of [
            ["after", [2, 1]],
            ["before", [6, 5, 4]],
          ] as const) {
            const end = await page("many", { limit: 3, from: { key: [3], direction } }, "newest");
            assert.deepEqual([ids(end), end.count, end.before], [expected, COUNT_MAX + 1, COUNT_MAX + 1]);
            assert.deepEqual([end.hasPrevious, end.hasNext], [true, direction === "before"]);
          }
          const across = await page("many", { limit: 3, from: { key: [1491], direction: "after" } }, "newest");
          assert.deepEqual([ids(across), across.before], [[1490, 1489, 1488], 10_000]);
        });

        test("finds what many names have, and a few labels and accounts besides, however the list is read", async () => {
          const users = COUNT_MAX + 1500;
          await fillMany(users);
          const other = await insertAccount(each.store, "many-fold");
          const byAccount = [3000, 4999];
          await each.rewrite(
            "update api_users set status = 'deactivated' where id % 9 = 0",
            "update api_users set archived_at_ms = 1 where id % 27 = 0",
            `update api_users set account_id = ${other.id}, username = 'api-${other.id}-x' || id
             where id in (${byAccount.join(", ")})`,
          );
          const byLabel = [2000, 5000, 9000, 10_000];
          const byNameAndLabel = 4321;
          const nameOfId = (id: number) =>
            byAccount.includes(id) ? `x${id}` : `${id % 1000 === 0 ? "rare" : "many"}${id}`;
          await each.store.transaction(async (transaction) => {
            for (const id of [...byLabel, byNameAndLabel]) {
              const user = await transaction.users.find(`api-1-${nameOfId(id)}`);
              assert.ok(user);
              await transaction.keys.update(await insertKey(transaction, user, id), { label: "so many" });
            }
          });
          const matching = Array.from({ length: users }, (_, index) => index + 1).filter(
            (id) => nameOfId(id).startsWith("many") || byAccount.includes(id) || byLabel.includes(id),
          );
          const isArchived = (id: number) => id % 27 === 0;
          const listed = matching.filter((id) => !isArchived(id));
          for (const [filter, those] of [
            [{}, listed],
            [{ status: "active" }, listed.filter((id) => id % 9 !== 0)],
            [{ accountId: 1 as AccountId }, listed.filter((id) => !byAccount.includes(id))],
            [{ archived: true }, matching.filter(isArchived)],
          ] as const) {
            for (const order of ["newest", "name"] as const) {
              const sorted = those.toSorted((a, b) => (order === "name" ? byBytes(nameOfId(a), nameOfId(b)) : b - a));
              for (const isReversed of [false, true]) {
                const expected = isReversed ? sorted.toReversed() : sorted;
                const special = expected.findIndex((id) => byLabel.includes(id) || byAccount.includes(id));
                const twice = expected.indexOf(byNameAndLabel);
                for (const place of [1, special + 1, twice + 1, expected.length - 3]) {
                  const id = expected[place] ?? 0;
                  const key = order === "name" ? [nameOfId(id), id] : [id];
                  for (const direction of ["after", "before"] as const) {
                    const { items, ...rest } = await each.store.users.page({ ...filter, search: "many" }, order, 0, {
                      limit: 30,
                      from: { key, direction },
                      isReversed,
                    });
                    const [start, end] =
                      direction === "after" ? [place + 1, place + 31] : [Math.max(0, place - 30), place];
                    const shown = expected.slice(start, end);
                    assert.deepEqual(
                      { ids: items.map((item) => item.id), ...rest },
                      {
                        ids: shown,
                        hasPrevious: start > 0,
                        hasNext: start + shown.length < expected.length,
                        count: Math.min(expected.length, COUNT_MAX + 1),
                        before: shown.length === 0 ? 0 : Math.min(start, COUNT_MAX + 1),
                      },
                      JSON.stringify({ filter, order, isReversed, place, direction }),
                    );
                  }
                }
              }
            }
          }
        });
      });
    });
  });
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function withoutFigures({
  activeKeys: _active,
  keys: _keys,
  lastUsedAtMs: _used,
  tokensToday: _today,
  ...user
}: ListedUser): ApiUser {
  return user;
}
