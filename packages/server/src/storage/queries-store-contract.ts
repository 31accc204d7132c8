/**
 * What every engine must do for lists and figures, whatever it does differently: one suite, run on each of them. Only tests import
 * this.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { type Access, COUNT_MAX } from "@countersign/protocol";
import type { EventFilter } from "../core/feed/store.ts";
import type { ListedUser, UserFilter, UserOrder } from "../core/users/store.ts";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import type { UsageScope } from "../core/keys/usage-store.ts";
import type { InvitationId } from "../core/operators/model.ts";
import { type AuditEvent, findChainBreak, type UnchainedEvent } from "../core/feed/audit-chain.ts";
import { createRegistryChanges } from "../testing/test-changes.ts";
import type { Account, AccountId } from "../core/accounts/model.ts";
import type { ApiUser, ApiUserId } from "../core/users/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { Standing } from "../core/standing.ts";
import type { KeyUsageRecord } from "../core/keys/usage-store.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { insertAccount, insertKey, insertUser, openEachStore, UNDO_0004 } from "./each-store-contract.ts";
import { expiredBefore, type StoreUnderTest } from "./store-contract.ts";

/** When an hour and ten minutes begin, in seconds since the epoch. */
const HOUR = 1_481_652_000;

type Read<Item> = (page: PageRequest) => Promise<Page<Item>>;

/**
 * Goes through a list from its beginning to its end and back, in pages of each length, and checks that it is what was expected, that
 * no page says that there is more where there isn't, and that both ways see the same.
 */
async function assertList<Item>(
  read: Read<Item>,
  keyOf: (item: Item) => PageKey,
  expected: readonly Item[],
  message: string,
): Promise<void> {
  for (const limit of [3, expected.length, expected.length + 1]) {
    if (limit === 0) continue;
    const forth: Item[] = [];
    let from: PageRequest["from"];
    for (;;) {
      const page = await read({ limit, from });
      assert.equal(page.count, expected.length, message);
      assert.equal(page.hasPrevious, forth.length > 0, `${message}: something before item ${forth.length}`);
      forth.push(...page.items);
      assert.equal(page.hasNext, forth.length < expected.length, `${message}: something behind item ${forth.length}`);
      const last = page.items.at(-1);
      if (last === undefined || !page.hasNext) break;
      from = { key: keyOf(last), direction: "after" };
    }
    assert.deepEqual(forth, expected, message);
    const back: Item[] = [];
    for (let first = expected.at(-1); first !== undefined; first = back[0]) {
      const page: Page<Item> = await read({ limit, from: { key: keyOf(first), direction: "before" } });
      back.unshift(...page.items);
      assert.equal(page.hasNext, true, `${message}: the item that the page is before`);
      assert.equal(page.hasPrevious, back.length < expected.length - 1, message);
      if (page.items.length === 0 || !page.hasPrevious) break;
    }
    assert.deepEqual(back, expected.slice(0, -1), `${message}, backwards`);
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function withoutFigures({ id, accountId, account, username, access, status, createdAtMs }: ListedUser): ApiUser {
  return { id, accountId, account, username, access, status, createdAtMs };
}

export function testQueriesStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`lists and figures in the store on ${name}`, () => {
    const each = openEachStore(open);

    describe("the list of users", () => {
      const NAMES = ["demo", "Z", "a", "a-b", "a.b", "a_b", "ab", "0", "api-1-de", "api-2-demo", "delta", "api", "zz"];
      const ACCESSES: readonly Access[] = ["full", "full", "read_only"];
      const STANDINGS: readonly Standing[] = ["active", "active", "active", "deactivated"];
      let accounts: readonly Account[];
      let users: readonly ApiUser[];

      async function fill(): Promise<void> {
        accounts = await Promise.all(["first", "second"].map((shortname) => insertAccount(each.store, shortname)));
        users = await each.store.transaction(async (transaction) => {
          const made: ApiUser[] = [];
          for (const [index, userName] of NAMES.entries()) {
            for (const account of accounts) {
              const access = ACCESSES[(index + account.id) % ACCESSES.length] ?? "full";
              const user = await transaction.users.insert({ account, name: userName, access, createdAtMs: index });
              const status = STANDINGS[index % STANDINGS.length] ?? "active";
              if (status !== "active") await transaction.users.setStatus(user.id, status);
              await insertKey(transaction, user, user.id);
              made.push({ ...user, status });
            }
          }
          return made;
        });
      }
      const nameOf = ({ username, accountId }: ApiUser) => username.slice(`api-${accountId}-`.length);
      const keyIn = (order: UserOrder) => (user: ApiUser) => (order === "name" ? [nameOf(user), user.id] : [user.id]);
      /** Is this the beginning of the username, up to the account's id at least, or of every username? */
      const beginsUsername = ({ username, accountId }: ApiUser, text: string) =>
        "api-".startsWith(text) || (username.startsWith(text) && /^api-[0-9]+/.exec(text)?.[0] === `api-${accountId}`);

      /** The specification, in other words. */
      function matching({ accountId, status, access, search }: UserFilter, order: UserOrder): readonly ApiUser[] {
        return users
          .filter(
            (user) =>
              (accountId ?? user.accountId) === user.accountId &&
              (status ?? user.status) === user.status &&
              (access ?? user.access) === user.access &&
              (search === undefined ||
                beginsUsername(user, search) ||
                nameOf(user).startsWith(search) ||
                search === `SHA256:${user.id}` ||
                search === `Thumb-${user.id}`),
          )
          .toSorted((a, b) => (order === "name" ? byBytes(nameOf(a), nameOf(b)) || a.id - b.id : b.id - a.id));
      }
      const read =
        (filter: UserFilter, order: UserOrder): Read<ApiUser> =>
        async (page) => {
          const { items, ...rest } = await each.store.users.page(filter, order, 0, page);
          return { items: items.map(withoutFigures), ...rest };
        };

      test("is, with every filter and in either order, exactly what matches, in pages both ways", async () => {
        await fill();
        for (const order of ["newest", "name"] as const) {
          for (const accountId of [undefined, accounts[1]?.id]) {
            for (const status of [undefined, "active", "deactivated"] as const) {
              for (const access of [undefined, "full", "read_only"] as const) {
                const filter = { accountId, status, access };
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
      });

      test("finds by the beginning of a name or of a username, and by a key, in the order of the names", async () => {
        await fill();
        const searches = [
          "",
          "a",
          "ap",
          "api-",
          "api-1",
          "api-2",
          "api-2-",
          "api-1-a",
          "api-1-api-1-d",
          "api-3",
          "api-3-",
        ];
        searches.push(
          "d",
          "de",
          "demo",
          "demo2",
          "a.",
          "a_",
          "a%",
          "z",
          "0",
          "SHA256:3",
          "Thumb-4",
          "thumb-4",
          "api-0",
          "api-1x",
        );
        for (const search of searches) {
          for (const rest of [{}, { accountId: accounts[0]?.id }, { status: "active", access: "full" }] as const) {
            const filter = { search, ...rest };
            await assertList(read(filter, "name"), keyIn("name"), matching(filter, "name"), JSON.stringify(filter));
          }
        }
        const asked = await read({ search: "a" }, "newest")({ limit: 100 });
        assert.deepEqual(asked.items, matching({ search: "a" }, "name"), "whatever the order that was asked for");
      });

      test("finds, by the beginning of a username up to the account's id, the users of that account alone", async () => {
        const made: ApiUser[] = [];
        for (let number = 1; number <= 11; number++) {
          made.push(await insertUser(each.store, await insertAccount(each.store, `account-${number}`), "demo"));
        }
        for (const [search, expected] of [
          ["api-1", [made[0]]],
          ["api-11", [made[10]]],
          ["api-11-d", [made[10]]],
          ["api-0", []],
        ] as const) {
          assert.deepEqual((await read({ search }, "name")({ limit: 100 })).items, expected, search);
        }
      });

      test("skips nothing and shows nothing twice where users come meanwhile", async () => {
        await fill();
        for (const order of ["newest", "name"] as const) {
          const expected = matching({}, order);
          const first = await read({}, order)({ limit: 5 });
          const [account] = accounts;
          assert.ok(account !== undefined);
          // In the order of names, one comes before what was read and one behind it.
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

      test("begins behind a key that nobody has", async () => {
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

      test("has each user's figures: its keys, when one was last used, and the tokens since today began", async () => {
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

        test(`counts up to ${COUNT_MAX}, and says where there are more`, async () => {
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
        });

        test("finds many, few and one of them alike", async () => {
          await fillMany(COUNT_MAX + 1500);
          const page = (search: string, request: PageRequest = { limit: 3 }) =>
            each.store.users.page({ search }, "name", 0, request);
          assert.deepEqual(ids(await page("many")), [1, 10, 100]);
          assert.deepEqual(ids(await page("api-1")), [1, 10, 100]);
          assert.deepEqual(ids(await page("api-1-many")), [1, 10, 100]);
          assert.deepEqual(ids(await page("rare")), [1000, 10_000, 11_000]);
          assert.deepEqual(ids(await page("many777")), [777, 7770, 7771]);
          const from = { key: ["many1000", 1], direction: "after" } as const;
          assert.deepEqual(ids(await page("many", { limit: 3, from })), [10_001, 10_002, 10_003]);
          const back = await page("many", { limit: 2, from: { ...from, direction: "before" } });
          assert.deepEqual([ids(back), back.hasPrevious, back.hasNext], [[10, 100], true, true]);
        });
      });
    });

    describe("the list of accounts", () => {
      const byId = ({ id }: { readonly id: number }) => [id];

      test("finds by the beginning of either name, whatever the case, by standing, and by id", async () => {
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
          [{ search: "acme" }, [first, shop, second]],
          [{ search: "ACME" }, [first, shop, second]],
          [{ search: "äNd" }, [umlaut]],
          [{ search: "über" }, [other]],
          [{ search: "cme" }, []],
          [{ search: "acme%" }, []],
          [{ status: "deactivated" }, [shop]],
          [{ status: "active", search: "ac" }, [first, second]],
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
        assert.deepEqual(await each.store.accounts.find("acme"), first);
        assert.equal(await each.store.accounts.find("ACME"), undefined);
        assert.deepEqual([await each.store.accounts.findListed("acme")], listed(first));
        for (const absent of ["ACME", "a\0b"]) assert.equal(await each.store.accounts.findListed(absent), undefined);
      });
    });

    describe("the lists of keys, resource servers, operators, invitations and admin tokens", () => {
      const byId = ({ id }: { readonly id: number }) => [id];

      test("are, with every filter, exactly what matches, in pages both ways", async () => {
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
            await transaction.invitations.insert({ ...link, kind: "invitation", expiresAtMs: 1000 + index });
            await transaction.adminTokens.insert({ ...link, name: `token ${index}`, expiresAtMs: null });
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
        await assertList((page) => each.store.keys.page(99 as ApiUserId, page), byId, [], "nobody's keys");

        const servers = await each.store.resourceServers.list();
        assert.deepEqual(await each.store.resourceServers.find("shop-2"), servers[1]);
        for (const status of [undefined, "active", "deactivated"] as const) {
          for (const search of [undefined, "", "shop", "shop-", "Ü", "x", "%"]) {
            await assertList(
              (page) => each.store.resourceServers.page({ status, search }, page),
              byId,
              servers.filter(
                (server) => (status ?? server.status) === server.status && server.name.startsWith(search ?? ""),
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
                    operator.email.startsWith(search?.toLowerCase() ?? ""),
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

      test("skip nothing and show nothing twice where items go meanwhile, the one a page begins at among them", async () => {
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
        assert.deepEqual(await read(after), { ids: [6, 5, 4], hasPrevious: true, hasNext: true, count: 9 });
        for (const id of [7, 5]) await remove(id);
        assert.deepEqual(await read(after), { ids: [6, 4, 3], hasPrevious: true, hasNext: true, count: 7 });
        for (const id of [8, 9]) await remove(id);
        assert.deepEqual(await read(after), { ids: [6, 4, 3], hasPrevious: false, hasNext: true, count: 5 });
        const before = { limit: 3, from: { key: [3], direction: "before" } } as const;
        assert.deepEqual(await read(before), { ids: [6, 4], hasPrevious: false, hasNext: true, count: 5 });
        for (const id of [1, 2, 3]) await remove(id);
        assert.deepEqual(await read(before), { ids: [6, 4], hasPrevious: false, hasNext: false, count: 2 });
      });
    });

    describe("the list of events", () => {
      const ACTIONS = [
        "key.added",
        "key.revoked",
        "user.created",
        "signing_key.created",
        "operator.signed_in",
      ] as const;
      const DAY_MS = 86_400_000;
      let events: readonly AuditEvent[];

      beforeEach(async () => {
        for (const shortname of ["first", "second"]) await insertAccount(each.store, shortname);
        await each.store.transaction(async (transaction) => {
          for (let index = 0; index < 40; index++) {
            const accountId = [1, 2, undefined][index % 3] as AccountId | undefined;
            const event: UnchainedEvent = {
              // Clocks differ: every fourth event is earlier than the one before it, by almost an hour.
              atMs: 10 * DAY_MS + index * 600_000 - (index % 4 === 3 ? 4_100_000 : 0),
              actor: `cli:${["alice", "bob"][index % 2]}`,
              action: ACTIONS[index % ACTIONS.length] ?? "key.added",
              subject: `key:${index % 7}`,
              details: { index },
              ...(accountId !== undefined && { accountId }),
            };
            await transaction.events.append(event);
          }
        });
        events = (await each.store.events.after(0, 100)).toReversed();
      });

      function matching(filter: EventFilter): readonly AuditEvent[] {
        return events.filter(
          (event) =>
            (filter.accountId === undefined || event.accountId === filter.accountId) &&
            (filter.actor ?? event.actor) === event.actor &&
            (filter.subject ?? event.subject) === event.subject &&
            (filter.action === undefined ||
              event.action === filter.action ||
              event.action.startsWith(`${filter.action}.`)) &&
            event.atMs >= (filter.fromMs ?? Number.NEGATIVE_INFINITY) &&
            event.atMs < (filter.untilMs ?? Number.POSITIVE_INFINITY),
        );
      }

      async function assertMatching(filter: EventFilter): Promise<void> {
        await assertList(
          (page) => each.store.events.page(filter, page),
          ({ seq }) => [seq],
          matching(filter),
          JSON.stringify(filter),
        );
      }

      test("is, with every filter and several at once, exactly what matches, in pages both ways", async () => {
        for (const accountId of [undefined, 1 as AccountId, 9 as AccountId]) {
          for (const actor of [undefined, "cli:alice", "cli:nobody"]) {
            for (const action of [undefined, "key.added", "key", "signing_key", "ke", "key.", "signed_in"]) {
              for (const subject of [undefined, "key:3"]) await assertMatching({ accountId, actor, action, subject });
            }
          }
        }
      });

      test("is limited to a time: its beginning is in it, its end isn't", async () => {
        for (const event of [events.at(-1), events[20], events[21], events[0]]) {
          for (const offset of [-1, 0, 1]) {
            const atMs = (event?.atMs ?? 0) + offset;
            await assertMatching({ fromMs: atMs });
            await assertMatching({ untilMs: atMs });
            await assertMatching({ fromMs: atMs - 3_000_000, untilMs: atMs, accountId: 1 as AccountId });
          }
        }
        await assertMatching({ fromMs: 11 * DAY_MS + 0.5, untilMs: 11 * DAY_MS - 0.5 });
      });

      test("has the account with each event, which is no part of the chain", async () => {
        assert.deepEqual(
          events.slice(-3).map((event) => event.accountId),
          [undefined, 2, 1],
        );
        assert.ok(!("accountId" in (events.at(-3) ?? {})));
        assert.equal(findChainBreak(events.toReversed(), undefined), undefined);
        await each.rewrite("update audit_events set account_id = null");
        assert.equal(findChainBreak(await each.store.events.after(0, 100), undefined), undefined);
      });
    });

    describe("strangers' texts, ids and keys", () => {
      test("that can't be in a store find nothing, and are no error", async () => {
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
            assert.deepEqual(page, { items: [], hasPrevious: false, hasNext: false, count: 0 }, text.slice(0, 20));
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
            assert.deepEqual(page, { items: [], hasPrevious: false, hasNext: false, count: 0 }, String(id));
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

      test("have no place in a list where no item can have such a key", async () => {
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

      test("in times are compared as they are, however great", async () => {
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

      test("by the hour is of a key, a user, an account or everything, over flushes and connections", async () => {
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

      test("that is removed is removed of all of them alike", async () => {
        await each.store.usage.record([used(key(0), 1, [HOUR, 1], [HOUR + 3600, 2])]);
        await each.store.removeExpired({ ...expiredBefore(0), usageBeforeSeconds: HOUR + 3600 }, 10);
        for (const scope of scopes()) {
          assert.deepEqual(await each.store.usage.hours(scope, 0, HOUR * 2), [{ hourSeconds: HOUR + 3600, tokens: 2 }]);
        }
      });

      const alive = (keyId: KeyId, ...ends: readonly (readonly [number, number])[]): KeyUsageRecord => ({
        keyId,
        lastUsedAtMs: keyId,
        tokensByHour: new Map(),
        tokensByExpiry: new Map(ends),
      });

      test("counts live tokens by user, most first, of a key, a user, an account or everything", async () => {
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

      test("counts as many users as there are, in however many parts they are read", async () => {
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
      test("is changed in the parts that are named, and in no other", async () => {
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

    describe("a store of the release before", () => {
      test("gets names, numbers of users, accounts of events and hours of accounts for what it has", async () => {
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
          // What somebody wrote into a text isn't taken for whose event it is.
          const details = { label: '","username":"api-2-three"', note: '\\"username\\":\\"api-2-three\\"' };
          const event = { atMs: 1, actor: "test", action: "signing_key.created", subject: "signing_key:9" } as const;
          await transaction.events.append({ ...event, details });
          return ids;
        });
        await each.store.usage.record(keyIds.map((id, index) => used(id, 1, [HOUR, 10 ** index], [HOUR + 3600, 1])));
        const before = await each.store.events.after(0, 100);
        await each.rewrite(...UNDO_0004);
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

function used(keyId: KeyId, lastUsedAtMs: number, ...hours: readonly (readonly [number, number])[]): KeyUsageRecord {
  return { keyId, lastUsedAtMs, tokensByHour: new Map(hours), tokensByExpiry: new Map() };
}
