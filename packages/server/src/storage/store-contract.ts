/**
 * What every engine must do: one suite, run on each engine. Only tests import this.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { CHAIN_START, findChainBreak, type UnchainedEvent } from "../core/feed/audit-chain.ts";
import { USABLE_KEYS_PER_USER_MAX } from "../core/keys/changes.ts";
import { createRegistryChanges } from "../testing/test-changes.ts";
import type { Account } from "../core/accounts/model.ts";
import type { ApiUser, ApiUserId } from "../core/users/model.ts";
import type { KeyId, KeyStatus } from "../core/keys/model.ts";
import type { ResourceServer, ResourceServerId } from "../core/resource-servers/model.ts";
import type { ExpiryBounds, Store, StoreTransaction } from "../core/store/store.ts";
import { KEYS_PER_RECORD_MAX } from "../core/users/store.ts";
import type { KeyUsageRecord } from "../core/keys/usage-store.ts";
import type { RevokedToken } from "../core/token/store.ts";
import { type RaceTask, raceStores, type StoreOpener } from "../testing/race-stores.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { until } from "../../../../test/testkit/eventually.ts";

/** An empty store of the engine under test. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Another connection to the same store, as another process opens it. The suite closes it. */
  connect(): Promise<Store>;
  /** How another thread reaches the same store. */
  readonly opener: StoreOpener;
  /** How other threads reach a store that hasn't been opened yet. */
  unopened(): Promise<StoreOpener>;
  /** Can the engine report changes of other connections? */
  readonly hearsChanges: boolean;
  /** Removes everything. The suite has closed the store. */
  cleanup(): Promise<void>;
}

const EVENT: UnchainedEvent = { atMs: 1, actor: "test", action: "key.added", subject: "key:1", details: {} };

/** A node of a release that names neither its address nor its machine. */
export const SAMPLE_NODE = {
  id: "a",
  startedAtMs: 1,
  version: "1",
  publicUrl: null,
  hostName: null,
  feedLagMs: 0,
  signingKeys: [],
} as const;

/** Later than every time in these tests. */
const NOW_MS = 1_000_000;

export function testStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    let underTest: StoreUnderTest;
    let store: Store;
    let connections: Store[];

    beforeEach(async () => {
      underTest = await open();
      store = underTest.store;
      connections = [store];
    });
    afterEach(async () => {
      for (const connection of connections) await connection.close();
      await underTest.cleanup();
    });

    async function connect(): Promise<Store> {
      const connection = await underTest.connect();
      connections.push(connection);
      return connection;
    }

    function race(contestants: number, task: RaceTask) {
      return raceStores(underTest.opener, contestants, task);
    }

    function seed(): Promise<{ account: Account; user: ApiUser }> {
      return store.transaction(async (transaction) => {
        const account = await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
        const user = await transaction.users.insert({ account, name: "demo", access: "full", createdAtMs: 2 });
        return { account, user };
      });
    }

    function insertKey(transaction: StoreTransaction, user: ApiUser, number: number): Promise<KeyId> {
      return transaction.keys.insert({
        userId: user.id,
        accountId: user.accountId,
        modulusHash: `modulus ${number}`,
        provedAtMs: null,
        rotatedFrom: null,
        networks: [],
        fingerprint: `SHA256:${number}`,
        thumbprint: `thumbprint ${number}`,
        bits: 2048,
        spki: Buffer.from([0, number, 255]),
        label: null,
        createdAtMs: 3,
        expiresAtMs: null,
      });
    }

    async function assertWholeChain(length: number): Promise<void> {
      const events = await store.events.after(0, length + 10);
      assert.deepEqual(
        events.map(({ seq }) => seq),
        Array.from({ length }, (_, index) => index + 1),
      );
      assert.equal(findChainBreak(events, undefined), undefined);
      assert.equal((await store.events.last()).seq, length);
    }

    describe("rows", () => {
      test("are read as they were written", async () => {
        const { account, user } = await seed();
        assert.deepEqual(account, {
          id: 1,
          shortname: "acme",
          name: "Acme",
          status: "active",
          createdAtMs: 1,
          keyAgeMaxSeconds: null,
          description: null,
          contact: null,
          archivedAtMs: null,
        });
        assert.deepEqual(user, {
          id: 1,
          accountId: 1,
          account: "acme",
          username: "api-1-demo",
          access: "full",
          status: "active",
          createdAtMs: 2,
          mayRotate: false,
          networks: [],
          displayName: null,
          description: null,
          contact: null,
          archivedAtMs: null,
        });
        const first = await store.transaction((transaction) => insertKey(transaction, user, 1));
        const spki = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
        const id = await store.transaction((transaction) =>
          transaction.keys.insert({
            userId: user.id,
            accountId: account.id,
            modulusHash: "m",
            provedAtMs: 5,
            rotatedFrom: first,
            networks: ["192.0.2.0/24", "2001:db8::/32"],
            fingerprint: "SHA256:x",
            thumbprint: "t",
            bits: 8192,
            spki,
            label: "Zoë's 🔑 — 'quoted' \"twice\" %_",
            createdAtMs: 1_481_650_253_342,
            expiresAtMs: 0xffff_ffff * 1000,
          }),
        );
        const key = await store.keys.find(id);
        assert.ok(key !== undefined);
        const { spki: storedSpki, ...rest } = key;
        assert.deepEqual(Buffer.from(storedSpki), spki);
        assert.deepEqual(rest, {
          id,
          userId: user.id,
          username: "api-1-demo",
          modulusHash: "m",
          provedAtMs: 5,
          rotatedFrom: first,
          networks: ["192.0.2.0/24", "2001:db8::/32"],
          weakness: null,
          fingerprint: "SHA256:x",
          thumbprint: "t",
          bits: 8192,
          label: "Zoë's 🔑 — 'quoted' \"twice\" %_",
          status: "active",
          createdAtMs: 1_481_650_253_342,
          expiresAtMs: 0xffff_ffff * 1000,
          lastUsedAtMs: null,
          idleSinceDay: Math.floor(1_481_650_253_342 / 86_400_000),
        });
        assert.deepEqual(await store.accounts.list(), [account]);
        assert.deepEqual(await store.users.list(), [user]);
        assert.deepEqual((await store.keys.list(user.id))[1], key);
        assert.deepEqual(await store.keys.findByModulusHash(key.modulusHash), [key]);
        assert.deepEqual(
          (await store.keys.listModuli(0 as KeyId, 10)).map((each) => each.id),
          [first, id],
        );
        assert.deepEqual(await store.keys.listModuli(first, 10), [{ id, spki: storedSpki }]);
        assert.equal((await store.keys.listModuli(0 as KeyId, 1)).length, 1);
        assert.deepEqual(await store.users.find("api-1-demo"), user);
        await store.transaction(async (transaction) => {
          assert.deepEqual(await transaction.accounts.find("acme"), account);
          assert.deepEqual(await transaction.users.find("api-1-demo"), user);
          assert.deepEqual(await transaction.keys.find(id), key);
          assert.deepEqual(await transaction.keys.findByModulusHash(key.modulusHash), [key]);
        });
      });

      test("that don't exist are undefined or empty, not errors", async () => {
        const { user } = await seed();
        assert.equal(await store.users.find("api-1-nobody"), undefined);
        assert.equal(await store.keys.find(9 as KeyId), undefined);
        assert.equal(await store.users.loadRecord("api-1-nobody"), undefined);
        assert.equal(await store.users.loadRecordByKey(9 as KeyId), undefined);
        assert.deepEqual(await store.keys.list(user.id), []);
        assert.deepEqual(await store.signingKeys.list(), []);
        assert.deepEqual(await store.events.after(0, 10), []);
        assert.equal((await store.events.last()).seq, 0);
        await store.transaction(async (transaction) => {
          assert.equal(await transaction.accounts.find("nobody"), undefined);
          assert.deepEqual(await transaction.keys.findByModulusHash("nothing"), []);
          assert.equal(await transaction.keys.isModulusRevoked("nothing"), false);
          assert.deepEqual(await transaction.keys.listModuli(0 as KeyId, 10), []);
          assert.equal(await transaction.keys.countUsable(user.id, NOW_MS), 0);
        });
      });

      test("are found by exactly their name: in no other case, spelling or pattern", async () => {
        await seed();
        const names = ["API-1-DEMO", "api-1-dem%", "api-1-demo ", "api_1_demo", "' or 1=1 --", "", "x".repeat(100_000)];
        // What no database can hold in a text doesn't exist either.
        for (const other of [...names, "api-1-demo\0", "\0", "\ud800"]) {
          assert.equal(await store.users.find(other), undefined);
          assert.equal(await store.users.loadRecord(other), undefined);
          await store.transaction(async (transaction) => {
            assert.equal(await transaction.users.find(other), undefined);
            assert.equal(await transaction.accounts.find(other), undefined);
            assert.equal(await transaction.resourceServers.find(other), undefined);
            assert.deepEqual(await transaction.keys.findByModulusHash(other), []);
          });
        }
      });

      test("aren't found by an id out of a column's range, which isn't an error", async () => {
        for (const id of [0, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, 1e300, 1.5]) {
          assert.equal(await store.keys.find(id as KeyId), undefined);
          assert.equal(await store.users.loadRecordByKey(id as KeyId), undefined);
          assert.equal(await store.resourceServers.load(id as ResourceServerId), undefined);
          assert.deepEqual(await store.usage.keyHours(id as KeyId, 0), []);
          await store.transaction(async (transaction) => {
            assert.equal(await transaction.keys.find(id as KeyId), undefined);
          });
        }
      });

      test("survive closing and reopening the store", async () => {
        const { user } = await seed();
        const id = await store.transaction((transaction) => insertKey(transaction, user, 1));
        await store.transaction((transaction) => transaction.events.append(EVENT));
        const key = await store.keys.find(id);
        await store.close();
        connections.splice(connections.indexOf(store), 1);
        store = await connect();
        assert.deepEqual(await store.users.list(), [user]);
        assert.deepEqual(await store.keys.find(id), key);
        await assertWholeChain(1);
      });
    });

    describe("rules that the schema enforces for every writer", () => {
      test("a user needs an account, and a key a user", async () => {
        const { account, user } = await seed();
        await assert.rejects(
          store.transaction((transaction) =>
            transaction.users.insert({
              account: { ...account, id: 99 as Account["id"] },
              name: "x",
              access: "full",
              createdAtMs: 1,
            }),
          ),
        );
        await assert.rejects(
          store.transaction((transaction) => insertKey(transaction, { ...user, id: 99 as ApiUser["id"] }, 1)),
        );
        assert.equal((await store.users.list()).length, 1);
      });

      test("shortnames and usernames are unique, and so is a key under one user", async () => {
        const { account, user } = await seed();
        await assert.rejects(
          store.transaction((transaction) =>
            transaction.accounts.insert({ shortname: "acme", name: "Another", createdAtMs: 1 }),
          ),
        );
        await assert.rejects(
          store.transaction((transaction) =>
            transaction.users.insert({ account, name: "demo", access: "full", createdAtMs: 1 }),
          ),
        );
        await store.transaction((transaction) => insertKey(transaction, user, 1));
        await assert.rejects(store.transaction((transaction) => insertKey(transaction, user, 1)));
        const second = await store.transaction((transaction) =>
          transaction.users.insert({ account, name: "second", access: "full", createdAtMs: 1 }),
        );
        await store.transaction((transaction) => insertKey(transaction, second, 1));
        await store.transaction(async (transaction) => {
          assert.equal((await transaction.keys.findByModulusHash("modulus 1")).length, 2);
        });
      });

      test("a standing must be one of the known ones", async () => {
        const { account, user } = await seed();
        const id = await store.transaction((transaction) => insertKey(transaction, user, 1));
        for (const work of [
          (transaction: StoreTransaction) => transaction.accounts.setStatus(account.id, "off" as "active"),
          (transaction: StoreTransaction) => transaction.users.setStatus(user.id, "revoked" as "active"),
          (transaction: StoreTransaction) => transaction.keys.setStatus(id, "gone" as KeyStatus),
        ]) {
          await assert.rejects(store.transaction(work));
        }
      });

      test("a revoked key stays revoked, even if a caller forgets that rule", async () => {
        const { user } = await seed();
        const id = await store.transaction((transaction) => insertKey(transaction, user, 1));
        await store.transaction((transaction) => transaction.keys.setStatus(id, "revoked"));
        for (const status of ["active", "deactivated"] as const) {
          await store.transaction((transaction) => transaction.keys.setStatus(id, status));
          assert.equal((await store.keys.find(id))?.status, "revoked");
        }
      });

      test("a signing key's number is used once, and is from 1 to 2^32 - 1", async () => {
        const key = { masterFingerprint: "f", createdAtMs: 1, activatedAtMs: null, retiredAtMs: null };
        const insert = (number: number) =>
          store.transaction((transaction) => transaction.signingKeys.insert({ ...key, number }));
        await insert(1);
        await insert(0xffff_ffff);
        for (const number of [1, 0, -1, 2 ** 32]) await assert.rejects(insert(number));
        assert.deepEqual(
          (await store.signingKeys.list()).map(({ number }) => number),
          [1, 0xffff_ffff],
        );
      });
    });

    describe("a transaction", () => {
      test("that throws is rolled back, and rejects with the same error", async () => {
        const error = new Error("changed my mind");
        await assert.rejects(
          store.transaction(async (transaction) => {
            const account = await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
            const user = await transaction.users.insert({ account, name: "demo", access: "full", createdAtMs: 2 });
            await insertKey(transaction, user, 1);
            await transaction.signingKeys.insert({
              number: 1,
              masterFingerprint: "f",
              createdAtMs: 1,
              activatedAtMs: null,
              retiredAtMs: null,
            });
            await transaction.events.append(EVENT);
            throw error;
          }),
          (thrown) => thrown === error,
        );
        assert.deepEqual(await store.accounts.list(), []);
        assert.deepEqual(await store.users.list(), []);
        assert.deepEqual(await store.signingKeys.list(), []);
        assert.equal((await store.events.last()).seq, 0);
        await seed();
      });

      test("that fails in one statement is rolled back completely", async () => {
        const { account } = await seed();
        await assert.rejects(
          store.transaction(async (transaction) => {
            await transaction.accounts.setStatus(account.id, "deactivated");
            await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
          }),
        );
        assert.equal((await store.accounts.list())[0]?.status, "active");
      });

      test("sees its own writes, which no other connection sees before it commits", async () => {
        const other = await connect();
        await store.transaction(async (transaction) => {
          await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
          assert.equal((await transaction.accounts.find("acme"))?.name, "Acme");
          assert.deepEqual(await other.accounts.list(), []);
        });
        assert.equal((await other.accounts.list()).length, 1);
        assert.equal((await store.accounts.list()).length, 1);
      });

      test("isn't interleaved with other transactions of the process", async () => {
        const { account } = await seed();
        const order: string[] = [];
        await Promise.all(
          ["a", "b", "c"].map((name) =>
            store.transaction(async (transaction) => {
              order.push(`${name} begins`);
              await transaction.users.insert({ account, name, access: "full", createdAtMs: 1 });
              await transaction.events.append(EVENT);
              order.push(`${name} ends`);
            }),
          ),
        );
        for (let at = 0; at < order.length; at += 2) {
          assert.equal(order[at]?.replace("begins", "ends"), order[at + 1]);
        }
        await assertWholeChain(3);
      });
    });

    describe("the audit log", () => {
      test("numbers events in commit order and chains them, details in any JSON", async () => {
        const details = [
          {},
          { z: 1, a: "ü 'quoted'", nothing: null, yes: true, number: -1.5e300 },
          { "10": "ten", "9": "nine", __proto_: "x", "": "empty" },
        ] as const;
        for (const each of details) {
          const event = await store.transaction((transaction) =>
            transaction.events.append({ ...EVENT, details: each }),
          );
          assert.deepEqual((await store.events.after(event.seq - 1, 1))[0], event);
        }
        assert.deepEqual(
          (await store.events.after(0, 10)).map((event) => event.details),
          details,
        );
        await assertWholeChain(3);
      });

      test("is read from any position, in order, up to a limit", async () => {
        await store.transaction(async (transaction) => {
          for (let count = 0; count < 12; count++) await transaction.events.append(EVENT);
        });
        const seqs = async (after: number, limit: number) =>
          (await store.events.after(after, limit)).map(({ seq }) => seq);
        assert.deepEqual(await seqs(0, 3), [1, 2, 3]);
        assert.deepEqual(await seqs(3, 3), [4, 5, 6]);
        assert.deepEqual(await seqs(10, 100), [11, 12]);
        assert.deepEqual(await seqs(12, 100), []);
        assert.deepEqual(await seqs(99, 100), []);
        await assertWholeChain(12);
      });

      test("has no gap after a transaction that was rolled back", async () => {
        await store.transaction((transaction) => transaction.events.append(EVENT));
        await assert.rejects(
          store.transaction(async (transaction) => {
            await transaction.events.append(EVENT);
            throw new Error("changed my mind");
          }),
        );
        await store.transaction((transaction) => transaction.events.append(EVENT));
        await assertWholeChain(2);
      });
    });

    describe("what requests need to know of a user", () => {
      test("is one record, the same by name and by any of its keys", async () => {
        const { account, user } = await seed();
        assert.deepEqual(await store.users.loadRecord("api-1-demo"), { user, accountStatus: "active", keys: [] });
        const [first, second] = await store.transaction(async (transaction) => {
          await transaction.accounts.setStatus(account.id, "deactivated");
          await transaction.users.setStatus(user.id, "deactivated");
          await transaction.users.update(user.id, { ...user, networks: ["192.0.2.0/24", "2001:db8::/32"] });
          const ids = [await insertKey(transaction, user, 1), await insertKey(transaction, user, 2)] as const;
          await transaction.keys.update(ids[1], { networks: ["192.0.2.7/32"] });
          return ids;
        });
        const record = await store.users.loadRecord("api-1-demo");
        assert.ok(record !== undefined);
        const networks = ["192.0.2.0/24", "2001:db8::/32"];
        assert.deepEqual(record.user, { ...user, status: "deactivated", networks });
        assert.equal(record.accountStatus, "deactivated");
        assert.deepEqual(
          record.keys.map(({ spki, ...rest }) => ({ ...rest, spki: [...spki] })),
          [second, first].map((id) => ({
            id,
            thumbprint: `thumbprint ${id}`,
            bits: 2048,
            spki: [0, id, 255],
            status: "active",
            expiresAtMs: null,
            networks: id === second ? ["192.0.2.7/32"] : [],
          })),
        );
        assert.deepEqual(await store.users.loadRecordByKey(first), record);
        assert.deepEqual(await store.users.loadRecordByKey(second), record);
      });

      test("is never another user's", async () => {
        const { account, user } = await seed();
        const second = await store.transaction((transaction) =>
          transaction.users.insert({ account, name: "second", access: "full", createdAtMs: 1 }),
        );
        const ids = await store.transaction(async (transaction) => [
          await insertKey(transaction, user, 1),
          await insertKey(transaction, second, 1),
          await insertKey(transaction, user, 2),
        ]);
        const keyIds = (await store.users.loadRecord("api-1-demo"))?.keys.map(({ id }) => id);
        assert.deepEqual(keyIds, [ids[2], ids[0]]);
        assert.equal((await store.users.loadRecordByKey(ids[1] as KeyId))?.user.username, "api-1-second");
      });

      test(`has at most ${KEYS_PER_RECORD_MAX} keys: active ones first, then deactivated ones, the newest first`, async () => {
        assert.ok(USABLE_KEYS_PER_USER_MAX < KEYS_PER_RECORD_MAX, "no usable key may be cut off");
        const { user } = await seed();
        const statuses: readonly KeyStatus[] = ["revoked", "active", "deactivated"];
        const inserted: { id: KeyId; status: KeyStatus }[] = [];
        await store.transaction(async (transaction) => {
          for (let number = 1; number <= 45; number++) {
            const id = await insertKey(transaction, user, number);
            const status = statuses[number % 3] as KeyStatus;
            if (status !== "active") await transaction.keys.setStatus(id, status);
            inserted.push({ id, status });
          }
        });
        const newestFirst = inserted.toReversed();
        const expected = (["active", "deactivated", "revoked"] as const)
          .flatMap((status) => newestFirst.filter((key) => key.status === status))
          .slice(0, KEYS_PER_RECORD_MAX);
        const keys = (await store.users.loadRecord("api-1-demo"))?.keys.map(({ id, status }) => ({ id, status }));
        assert.deepEqual(keys, expected);
        assert.equal((await store.keys.list(user.id)).length, 45);
        await store.transaction(async (transaction) => {
          assert.equal(await transaction.keys.countUsable(user.id, NOW_MS), 30);
        });
      });
    });

    describe("key usage", () => {
      test("keeps the later time, whichever is written last", async () => {
        const { user } = await seed();
        const [first, second] = await store.transaction(
          async (transaction) =>
            [await insertKey(transaction, user, 1), await insertKey(transaction, user, 2)] as const,
        );
        const other = await connect();
        await store.usage.record(usageOf([first, 100], [second, 200]));
        await other.usage.record(usageOf([first, 99], [second, 201]));
        assert.equal((await store.keys.find(first))?.lastUsedAtMs, 100);
        assert.equal((await store.keys.find(second))?.lastUsedAtMs, 201);
        assert.deepEqual(
          (await store.keys.list(user.id)).map(({ lastUsedAtMs }) => lastUsedAtMs),
          [100, 201],
        );
      });

      test("of a key that doesn't exist is skipped, and the others' is kept", async () => {
        const { user } = await seed();
        const id = await store.transaction((transaction) => insertKey(transaction, user, 1));
        await store.usage.record(usageOf([99 as KeyId, 7], [id, 7], [0xffff_ffff as KeyId, 7]));
        assert.equal((await store.keys.find(id))?.lastUsedAtMs, 7);
      });

      test("isn't an event, and an empty batch is nothing", async () => {
        const { user } = await seed();
        const id = await store.transaction((transaction) => insertKey(transaction, user, 1));
        await store.usage.record([]);
        await store.usage.record(usageOf([id, 1]));
        assert.equal((await store.events.last()).seq, 0);
      });
    });

    describe("tokens by the hour", () => {
      const HOUR = 1_481_652_000;
      let first: KeyId;
      let second: KeyId;
      beforeEach(async () => {
        const { user } = await seed();
        [first, second] = await store.transaction(
          async (transaction) =>
            [await insertKey(transaction, user, 1), await insertKey(transaction, user, 2)] as const,
        );
      });

      const used = (keyId: KeyId, ...hours: readonly (readonly [number, number])[]): KeyUsageRecord => ({
        keyId,
        lastUsedAtMs: 1,
        tokensByHour: new Map(hours),
        tokensByExpiry: new Map(),
      });

      test("add up over flushes and connections, for each key and hour, in order", async () => {
        const other = await connect();
        await store.usage.record([used(first, [HOUR, 2], [HOUR - 3600, 1]), used(second, [HOUR, 10])]);
        await other.usage.record([used(second, [HOUR, 20]), used(first, [HOUR, 3])]);
        await store.usage.record([used(first, [HOUR + 3600, 5_000_000_000])]);
        assert.deepEqual(await other.usage.keyHours(first, 0), [
          { hourSeconds: HOUR - 3600, tokens: 1 },
          { hourSeconds: HOUR, tokens: 5 },
          { hourSeconds: HOUR + 3600, tokens: 5_000_000_000 },
        ]);
        assert.deepEqual(await store.usage.keyHours(second, 0), [{ hourSeconds: HOUR, tokens: 30 }]);
      });

      test("are read from a given hour on, inclusive", async () => {
        await store.usage.record([used(first, [HOUR - 3600, 1], [HOUR, 2])]);
        const from = async (seconds: number) =>
          (await store.usage.keyHours(first, seconds)).map(({ tokens }) => tokens);
        assert.deepEqual(await from(HOUR - 3600), [1, 2]);
        assert.deepEqual(await from(HOUR - 3599), [2]);
        assert.deepEqual(await from(HOUR), [2]);
        assert.deepEqual(await from(HOUR + 1), []);
      });

      test("of a key that doesn't exist are skipped, and the others' are kept", async () => {
        await store.usage.record([used(99 as KeyId, [HOUR, 1]), used(first, [HOUR, 2])]);
        assert.deepEqual(await store.usage.keyHours(99 as KeyId, 0), []);
        assert.deepEqual(await store.usage.keyHours(first, 0), [{ hourSeconds: HOUR, tokens: 2 }]);
      });

      test("lose nothing if four connections write the same hours at once", async () => {
        const outcomes = (
          await race(4, { kind: "recordUsage", keyIds: [first, second], hours: [HOUR, HOUR + 3600], flushes: 25 })
        ).flat();
        assert.deepEqual(new Set(outcomes), new Set(["done"]));
        for (const keyId of [first, second]) {
          assert.deepEqual(await store.usage.keyHours(keyId, 0), [
            { hourSeconds: HOUR, tokens: 100 },
            { hourSeconds: HOUR + 3600, tokens: 100 },
          ]);
          assert.equal((await store.keys.find(keyId))?.lastUsedAtMs, 24);
        }
      });
    });

    describe("a signing key", () => {
      test("is read as it was written, and is changed only in the named parts", async () => {
        const key = { number: 7, masterFingerprint: "f", createdAtMs: 1, activatedAtMs: null, retiredAtMs: null };
        const other = { ...key, number: 8, activatedAtMs: 2 };
        await store.transaction(async (transaction) => {
          await transaction.signingKeys.insert(other);
          await transaction.signingKeys.insert(key);
          assert.deepEqual(await transaction.signingKeys.list(), [key, other]);
        });
        const update = (values: Parameters<StoreTransaction["signingKeys"]["update"]>[1]) =>
          store.transaction((transaction) => transaction.signingKeys.update(7, values));
        await update({ activatedAtMs: 1_481_650_253_342 });
        const active = { ...key, activatedAtMs: 1_481_650_253_342 };
        assert.deepEqual(await store.signingKeys.list(), [active, other]);
        await update({ retiredAtMs: 4 });
        assert.deepEqual(await store.signingKeys.list(), [{ ...active, retiredAtMs: 4 }, other]);
        await update({ activatedAtMs: null, retiredAtMs: null });
        assert.deepEqual(await store.signingKeys.list(), [key, other]);
      });
    });

    describe("nodes", () => {
      const NODE = {
        id: "a",
        startedAtMs: 1_481_650_253_342,
        version: "1.2.3",
        publicUrl: "https://auth.example",
        hostName: "node-a.example",
        feedLagMs: 0,
        signingKeys: [1, 0xffff_ffff],
      };
      const LONG_MS = 3_600_000;
      const ids = async (withinMs = LONG_MS) => (await store.nodes.listLive(withinMs)).map(({ id }) => id);

      test("are read as they were recorded, with times of the store's clock, the oldest first", async () => {
        const before = Date.now();
        const later = { ...NODE, id: "later", startedAtMs: NODE.startedAtMs + 1, publicUrl: null, hostName: null };
        await store.nodes.record({ ...later, signingKeys: [] });
        await store.nodes.record({ ...NODE, id: "b" });
        await store.nodes.record(NODE);
        const nodes = await store.nodes.listLive(LONG_MS);
        assert.deepEqual(
          nodes.map((node) => ({ ...node, seenAtMs: 0 })),
          [
            { ...NODE, seenAtMs: 0 },
            { ...NODE, id: "b", seenAtMs: 0 },
            { ...later, signingKeys: [], seenAtMs: 0 },
          ],
        );
        for (const { seenAtMs } of nodes) {
          assert.ok(Number.isSafeInteger(seenAtMs));
          assert.ok(seenAtMs >= before - 1000 && seenAtMs <= Date.now() + 1000, "both clocks are this machine's");
        }
        await store.transaction(async (transaction) => {
          assert.deepEqual(await transaction.nodes.listLive(LONG_MS), nodes);
        });
      });

      test("are updated by each heartbeat: its time and the signing keys that it lists", async () => {
        await store.nodes.record(NODE);
        const [first] = await store.nodes.listLive(LONG_MS);
        const other = await connect();
        await until(async () => {
          await other.nodes.record({ ...NODE, version: "2.0.0", signingKeys: [1, 2, 3] });
          const [again] = await store.nodes.listLive(LONG_MS);
          return (again?.seenAtMs ?? 0) > (first?.seenAtMs ?? 0);
        });
        const [again, ...rest] = await store.nodes.listLive(LONG_MS);
        assert.deepEqual(rest, []);
        assert.deepEqual(again, { ...NODE, version: "2.0.0", signingKeys: [1, 2, 3], seenAtMs: again?.seenAtMs });
      });

      test("that haven't been seen for a given time aren't live", async () => {
        await store.nodes.record(NODE);
        await until(async () => (await ids(5)).length === 0);
        assert.deepEqual(await ids(), ["a"]);
        await store.nodes.record(NODE);
        assert.deepEqual(await ids(), ["a"]);
      });

      test("that deregister are removed, and no others; deregistering twice changes nothing", async () => {
        await store.nodes.record(NODE);
        await store.nodes.record({ ...NODE, id: "b" });
        await store.nodes.remove("a");
        await store.nodes.remove("a");
        assert.deepEqual(await ids(), ["b"]);
      });

      test("don't appear in the change feed", async () => {
        await store.nodes.record(NODE);
        await store.nodes.remove("a");
        assert.equal((await store.events.last()).seq, 0);
      });
    });

    describe("the last event", () => {
      test("is the chain's start in a new store, and then the one that was appended last", async () => {
        assert.deepEqual(await store.events.last(), { seq: 0, hash: CHAIN_START });
        for (let count = 0; count < 12; count++) {
          const { seq, hash } = await store.transaction((transaction) => transaction.events.append(EVENT));
          assert.deepEqual(await store.events.last(), { seq, hash });
        }
      });
    });

    describe("watching for changes", () => {
      test("reports a commit on another connection, or that it is unreliable", async (context) => {
        const other = await connect();
        let woken = 0;
        const watch = store.watchChanges(() => woken++);
        context.after(() => watch.stop());
        if (!underTest.hearsChanges) {
          assert.equal(watch.isReliable(), false);
          await other.transaction((transaction) => transaction.events.append(EVENT));
          assert.equal(watch.isReliable(), false);
          return;
        }
        assert.equal(watch.isReliable(), false, "it isn't reliable before it was tried");
        await until(() => watch.isReliable());
        for (let count = 0; count < 3; count++) {
          const before = woken;
          await other.transaction((transaction) => transaction.events.append(EVENT));
          await until(() => woken > before);
        }
        const before = woken;
        await assert.rejects(
          other.transaction(async (transaction) => {
            await transaction.events.append(EVENT);
            throw new Error("changed my mind");
          }),
        );
        await other.nodes.record(SAMPLE_NODE);
        const tokens = new Map([[0, 1]]);
        await other.usage.record([
          { keyId: 1 as KeyId, lastUsedAtMs: 1, tokensByHour: tokens, tokensByExpiry: tokens },
        ]);
        // Notifications arrive in the order in which they were sent.
        await other.transaction((transaction) => transaction.events.append(EVENT));
        await until(() => woken > before);
        assert.equal(woken, before + 1, "neither a rollback nor a heartbeat nor usage is reported");
      });

      test("can be ended before and after the store is closed", async () => {
        const watch = store.watchChanges(() => undefined);
        await watch.stop();
        assert.equal(watch.isReliable(), false);
        await watch.stop();
        const own = await connect();
        const late = own.watchChanges(() => undefined);
        await own.close();
        connections.splice(connections.indexOf(own), 1);
        await late.stop();
      });
    });

    describe("a resource server", () => {
      function insertServer(name = "shop", secretHash = "hash"): Promise<ResourceServer> {
        return store.transaction((transaction) =>
          transaction.resourceServers.insert({ name, secretHash, createdAtMs: 1_481_650_253_342 }),
        );
      }
      const update = (id: ResourceServerId, values: Parameters<StoreTransaction["resourceServers"]["update"]>[1]) =>
        store.transaction((transaction) => transaction.resourceServers.update(id, values));

      test("is read as it was written, by its id, by its name and in the list", async () => {
        const shop = await insertServer();
        assert.deepEqual(shop, {
          id: 1,
          clientId: "rs-1",
          name: "shop",
          status: "active",
          secretHash: "hash",
          previousSecret: null,
          createdAtMs: 1_481_650_253_342,
        });
        const other = await insertServer("other");
        assert.deepEqual(await store.resourceServers.list(), [shop, other]);
        assert.deepEqual(await store.resourceServers.load(shop.id), shop);
        await store.transaction(async (transaction) => {
          assert.deepEqual(await transaction.resourceServers.find("other"), other);
        });
      });

      test("that doesn't exist is undefined, not an error, and one that exists is found by exactly its name", async () => {
        assert.deepEqual(await store.resourceServers.list(), []);
        await insertServer();
        for (const id of [0, 2, -1, 2 ** 31 - 1]) {
          assert.equal(await store.resourceServers.load(id as ResourceServerId), undefined);
        }
        await store.transaction(async (transaction) => {
          for (const name of ["SHOP", "sho%", "shop ", "' or 1=1 --"]) {
            assert.equal(await transaction.resourceServers.find(name), undefined);
          }
        });
      });

      test("has a unique name and one of the known standings", async () => {
        const { id } = await insertServer();
        await assert.rejects(insertServer());
        await assert.rejects(update(id, { status: "revoked" as "active" }));
        assert.equal((await store.resourceServers.list()).length, 1);
        assert.equal((await store.resourceServers.load(id))?.status, "active");
      });

      test("is changed only in the named parts", async () => {
        const shop = await insertServer();
        const other = await insertServer("other");
        const previousSecret = { hash: "hash", endsAtMs: 0xffff_ffff * 1000 };
        await update(shop.id, { secretHash: "new", previousSecret });
        assert.deepEqual(await store.resourceServers.load(shop.id), { ...shop, secretHash: "new", previousSecret });
        await update(shop.id, { status: "deactivated" });
        const off = { ...shop, secretHash: "new", previousSecret, status: "deactivated" };
        assert.deepEqual(await store.resourceServers.load(shop.id), off);
        await update(shop.id, { previousSecret: null });
        assert.deepEqual(await store.resourceServers.load(shop.id), { ...off, previousSecret: null });
        await update(shop.id, { secretHash: "newest" });
        assert.deepEqual(await store.resourceServers.list(), [
          { ...off, previousSecret: null, secretHash: "newest" },
          other,
        ]);
      });

      test("never gets an id that was used before", async () => {
        const shop = await insertServer();
        const other = await insertServer("other");
        assert.ok(other.id > shop.id);
        await assert.rejects(
          store.transaction(async (transaction) => {
            await transaction.resourceServers.insert({ name: "third", secretHash: "x", createdAtMs: 1 });
            throw new Error("changed my mind");
          }),
        );
        assert.ok((await insertServer("fourth")).id > other.id);
      });
    });

    describe("the deny-list", () => {
      const TOKEN: Omit<RevokedToken, "userId"> = { keyId: 3, nonce: 968_668_528, expiresAtSeconds: 1_481_653_854 };
      let userId: ApiUserId;
      beforeEach(async () => {
        userId = (await seed()).user.id;
      });

      const insert = (token: Partial<RevokedToken> = {}) =>
        store.transaction((transaction) => transaction.revokedTokens.insert({ ...TOKEN, userId, ...token }));
      const count = (nowSeconds: number, max: number, of = userId) =>
        store.transaction((transaction) => transaction.revokedTokens.count(of, nowSeconds, max));

      async function readAll(fromSeconds: number, limit: number): Promise<RevokedToken[]> {
        const all: RevokedToken[] = [];
        for (let after = 0; ; ) {
          const { tokens, next } = await store.revokedTokens.list(fromSeconds, after, limit);
          assert.ok(tokens.length <= limit);
          if (tokens.length === 0) return all;
          all.push(...tokens);
          after = next;
        }
      }

      test("adds a token once, and says whether it was new", async () => {
        assert.equal(await store.revokedTokens.has(TOKEN), false);
        assert.equal(await insert(), true);
        assert.equal(await insert(), false);
        assert.equal(await store.revokedTokens.has(TOKEN), true);
        assert.deepEqual(await readAll(0, 10), [{ ...TOKEN, userId }]);
      });

      test("distinguishes tokens that differ in one number, up to the greatest numbers", async () => {
        await insert();
        for (const name of ["keyId", "nonce", "expiresAtSeconds"] as const) {
          for (const other of [TOKEN[name] + 1, 0, 0xffff_ffff]) {
            assert.equal(await store.revokedTokens.has({ ...TOKEN, [name]: other }), false, `${name} ${other}`);
          }
        }
        const greatest = { keyId: 0xffff_ffff, nonce: 0xffff_ffff, expiresAtSeconds: 0xffff_ffff };
        assert.equal(await insert(greatest), true);
        assert.equal(await store.revokedTokens.has(greatest), true);
        assert.deepEqual((await readAll(0, 10))[1], { ...greatest, userId });
      });

      test("contains nothing of a transaction that was rolled back", async () => {
        await assert.rejects(
          store.transaction(async (transaction) => {
            await transaction.revokedTokens.insert({ ...TOKEN, userId });
            throw new Error("changed my mind");
          }),
        );
        assert.equal(await store.revokedTokens.has(TOKEN), false);
        assert.equal(await insert(), true);
      });

      test("refuses a token of a user that doesn't exist", async () => {
        await assert.rejects(insert({ userId: 99 as ApiUserId }));
      });

      test("counts a user's tokens that haven't expired, up to a bound", async () => {
        const other = await store.transaction(async (transaction) => {
          const account = (await transaction.accounts.find("acme")) ?? assert.fail("the account exists");
          return transaction.users.insert({ account, name: "other", access: "full", createdAtMs: 1 });
        });
        for (const expiresAtSeconds of [99, 100, 101, 102]) await insert({ expiresAtSeconds });
        await insert({ userId: other.id, keyId: 4 });
        assert.equal(await count(98, 10), 4);
        assert.equal(await count(99, 10), 3, "expired at equality, as a token is");
        assert.equal(await count(99.5, 10), 3, "the time may be a fraction");
        assert.equal(await count(100.001, 10), 2);
        assert.equal(await count(102, 10), 0);
        assert.equal(await count(0, 3), 3, "no more than was asked for");
        assert.equal(await count(0, 10, other.id), 1);
        assert.equal(await count(0, 10, 99 as ApiUserId), 0);
      });

      test("is read in parts, each token once, without those that expired before a given time", async () => {
        const expected: RevokedToken[] = [];
        for (let nonce = 0; nonce < 25; nonce++) {
          const token = { ...TOKEN, userId, nonce, expiresAtSeconds: 1000 + ((nonce * 7) % 25) };
          await insert(token);
          if (token.expiresAtSeconds >= 1010) expected.push(token);
        }
        assert.equal(expected.length, 15);
        for (const limit of [1, 4, 15, 16, 100]) assert.deepEqual(await readAll(1010, limit), expected, String(limit));
        assert.deepEqual(await readAll(1025, 10), []);
      });

      test("includes tokens that were added while it is read", async () => {
        for (let nonce = 0; nonce < 3; nonce++) await insert({ nonce });
        const { tokens, next } = await store.revokedTokens.list(0, 0, 2);
        assert.equal(tokens.length, 2);
        await insert({ nonce: 3, expiresAtSeconds: 1 });
        const rest = await store.revokedTokens.list(0, next, 10);
        assert.deepEqual(
          rest.tokens.map(({ nonce }) => nonce),
          [2, 3],
        );
        assert.deepEqual(await store.revokedTokens.list(0, rest.next, 10), { tokens: [], next: rest.next });
      });
    });

    describe("used assertions", () => {
      let userId: ApiUserId;
      let otherId: ApiUserId;
      beforeEach(async () => {
        const { account, user } = await seed();
        userId = user.id;
        otherId = (
          await store.transaction((transaction) =>
            transaction.users.insert({ account, name: "other", access: "full", createdAtMs: 1 }),
          )
        ).id;
      });

      const use = (...assertions: readonly (readonly [jtiHash: string, user?: ApiUserId])[]) =>
        store.assertions.use(
          assertions.map(([jtiHash, user = userId]) => ({ userId: user, jtiHash, expiresAtSeconds: 1000 })),
        );

      test("are first uses once, in the order in which they were given", async () => {
        assert.deepEqual(await use(["a"], ["b"]), [true, true]);
        assert.deepEqual(await use(["b"], ["c"], ["a"], ["d"]), [false, true, false, true]);
        assert.deepEqual(await use(["d"]), [false]);
      });

      test("within one batch are first uses once too", async () => {
        assert.deepEqual(await use(["a"], ["a"], ["b"], ["a"], ["b"]), [true, false, true, false, false]);
      });

      test("of two users may have the same jti", async () => {
        assert.deepEqual(await use(["a"], ["a", otherId]), [true, true]);
        assert.deepEqual(await use(["a", otherId], ["a"], ["b", otherId]), [false, false, true]);
      });

      test("are distinguished by exactly their text", async () => {
        assert.deepEqual(await use(["a"], ["A"], ["a "], ["ä"], [""], ["a%"]), [true, true, true, true, true, true]);
      });

      test("may be an empty batch", async () => {
        assert.deepEqual(await store.assertions.use([]), []);
      });

      test("may be many in one batch", async () => {
        const many = Array.from({ length: 1000 }, (_, number) => [`jti ${number}`] as const);
        assert.ok((await use(...many)).every((isFirst) => isFirst));
        assert.ok((await use(...many)).every((isFirst) => !isFirst));
      });

      test("of a user that doesn't exist are an error, and nothing of the batch is used", async () => {
        await assert.rejects(use(["a"], ["a", 99 as ApiUserId]));
        assert.deepEqual(await use(["a"]), [true]);
      });

      test("stay used on every connection, and after a restart", async () => {
        const other = await connect();
        await use(["a"]);
        const again = { userId, jtiHash: "a", expiresAtSeconds: 1000 };
        assert.deepEqual(await other.assertions.use([again]), [false]);
        await store.close();
        connections.splice(connections.indexOf(store), 1);
        store = await connect();
        assert.deepEqual(await use(["a"], ["b"]), [false, true]);
      });

      test("don't appear in the change feed", async () => {
        await use(["a"]);
        await store.removeExpired(expiredBefore(5000), 10);
        assert.equal((await store.events.last()).seq, 0);
      });
    });

    describe("removing what has expired", () => {
      test("removes what expired before a given time, up to a limit of each kind, and keeps the rest", async () => {
        const { user } = await seed();
        const times = [997, 998, 999, 1000, 1001];
        await store.assertions.use(
          times.map((expiresAtSeconds) => ({ userId: user.id, jtiHash: `jti ${expiresAtSeconds}`, expiresAtSeconds })),
        );
        await store.transaction(async (transaction) => {
          for (const expiresAtSeconds of times) {
            await transaction.revokedTokens.insert({ userId: user.id, keyId: 1, nonce: 1, expiresAtSeconds });
          }
        });
        assert.equal(await store.removeExpired(expiredBefore(997), 10), 0);
        assert.equal(await store.removeExpired(expiredBefore(1000), 2), 4, "two of each");
        assert.equal(await store.removeExpired(expiredBefore(1000), 2), 2, "one of each");
        assert.equal(await store.removeExpired(expiredBefore(1000), 2), 0);
        const { tokens } = await store.revokedTokens.list(0, 0, 10);
        assert.deepEqual(
          tokens.map(({ expiresAtSeconds }) => expiresAtSeconds),
          [1000, 1001],
        );
        const again = await store.assertions.use(
          times.map((expiresAtSeconds) => ({ userId: user.id, jtiHash: `jti ${expiresAtSeconds}`, expiresAtSeconds })),
        );
        assert.deepEqual(again, [true, true, true, false, false]);
      });

      test("removes hours of usage before a given time, up to a limit, and keeps the rest", async () => {
        const { user } = await seed();
        const keyId = await store.transaction((transaction) => insertKey(transaction, user, 1));
        const hours = [0, 3600, 7200, 10_800, 14_400];
        await store.usage.record([
          {
            keyId,
            lastUsedAtMs: 1,
            tokensByHour: new Map(hours.map((hour) => [hour, 1] as const)),
            tokensByExpiry: new Map(),
          },
        ]);
        const before = (usageBeforeSeconds: number) => ({ ...expiredBefore(0), usageBeforeSeconds });
        assert.equal(await store.removeExpired(before(0), 10), 0);
        assert.equal(await store.removeExpired(before(10_800), 2), 6, "two of the key, of its account and of all");
        assert.equal(await store.removeExpired(before(10_800), 2), 3);
        assert.equal(await store.removeExpired(before(10_800), 2), 0);
        assert.deepEqual(
          (await store.usage.keyHours(keyId, 0)).map(({ hourSeconds }) => hourSeconds),
          [10_800, 14_400],
        );
        assert.equal((await store.keys.find(keyId))?.lastUsedAtMs, 1, "the last use is kept");
      });

      test("removes nodes that haven't been seen for a given time, and keeps the rest", async () => {
        const node = { startedAtMs: 1, version: "1", publicUrl: null, hostName: null, feedLagMs: 0, signingKeys: [1] };
        await store.nodes.record({ ...node, id: "gone" });
        assert.equal(await store.removeExpired(expiredBefore(0), 10), 0);
        await until(async () => (await store.removeExpired({ ...expiredBefore(0), unseenForMs: 5 }, 10)) === 1);
        await store.nodes.record({ ...node, id: "there" });
        assert.equal(await store.removeExpired(expiredBefore(0), 10), 0);
        assert.deepEqual(
          (await store.nodes.listLive(3_600_000)).map(({ id }) => id),
          ["there"],
        );
      });

      test("on three connections at once removes each row once", async () => {
        const { user } = await seed();
        await store.assertions.use(
          Array.from({ length: 300 }, (_, number) => ({
            userId: user.id,
            jtiHash: `jti ${number}`,
            expiresAtSeconds: 1,
          })),
        );
        const outcomes = (await race(3, { kind: "removeExpired", limit: 20 })).flat().map(Number);
        assert.equal(
          outcomes.reduce((sum, removed) => sum + removed, 0),
          300,
          outcomes.join(" "),
        );
      });

      test("doesn't free ids for reuse", async () => {
        const { user } = await seed();
        const insert = (nonce: number) =>
          store.transaction((transaction) =>
            transaction.revokedTokens.insert({ userId: user.id, keyId: 1, nonce, expiresAtSeconds: 1 }),
          );
        await insert(1);
        const { next } = await store.revokedTokens.list(0, 0, 10);
        await store.removeExpired(expiredBefore(5), 10);
        await insert(2);
        assert.equal(
          (await store.revokedTokens.list(0, next, 10)).tokens.length,
          1,
          "a reader in the middle of the list misses nothing",
        );
      });
    });

    describe("reads while a transaction of this process is under way", () => {
      test("continue, and see the state before it", async () => {
        await seed();
        const inside = Promise.withResolvers<void>();
        const release = Promise.withResolvers<void>();
        const writing = store.transaction(async (transaction) => {
          await transaction.accounts.insert({ shortname: "half", name: "half", createdAtMs: 1 });
          await transaction.events.append(EVENT);
          inside.resolve();
          await release.promise;
        });
        await inside.promise;
        assert.equal((await store.accounts.list()).length, 1);
        assert.equal((await store.users.loadRecord("api-1-demo"))?.user.account, "acme");
        assert.equal((await store.events.last()).seq, 0);
        assert.deepEqual(await store.events.after(0, 10), []);
        assert.equal(await store.revokedTokens.has({ keyId: 1, nonce: 1, expiresAtSeconds: 1 }), false);
        assert.equal(await store.resourceServers.load(1 as ResourceServerId), undefined);
        assert.equal(typeof (await store.changeMarker()), "string");
        release.resolve();
        await writing;
        assert.equal((await store.accounts.list()).length, 2, "and after it, the state that it left");
        assert.equal((await store.events.last()).seq, 1);
      });
    });

    describe("the change marker", () => {
      test("differs once another connection has committed, and stays as it is otherwise", async () => {
        const other = await connect();
        const before = await store.changeMarker();
        assert.equal(await store.changeMarker(), before);
        await other.accounts.list();
        assert.equal(await store.changeMarker(), before);
        await other.transaction((transaction) => transaction.events.append(EVENT));
        const after = await store.changeMarker();
        assert.notEqual(after, before);
        assert.equal(await store.changeMarker(), after);
        assert.equal((await store.events.after(0, 10)).length, 1, "a change that the marker shows can be read");
      });

      test("stays as it is where another connection's transaction was rolled back", async () => {
        const other = await connect();
        const before = await store.changeMarker();
        await assert.rejects(
          other.transaction(async (transaction) => {
            await transaction.events.append(EVENT);
            throw new Error("changed my mind");
          }),
        );
        assert.equal((await store.events.after(0, 10)).length, 0);
        assert.equal(await store.changeMarker(), before);
      });
    });

    describe("races between connections", () => {
      test("two accounts of one name: one is made, the other is a conflict", async () => {
        const outcomes = (await race(2, { kind: "createAccount", shortname: "acme" })).flat();
        assert.deepEqual(outcomes.toSorted(), ["conflict", "done"]);
        assert.equal((await store.accounts.list()).length, 1);
        await assertWholeChain(1);
      });

      test("fifty changes on two connections: 1 to 50 without gaps, and the chain is whole", async () => {
        const outcomes = (await race(2, { kind: "appendEvents", count: 25 })).flat();
        assert.deepEqual(new Set(outcomes), new Set(["done"]));
        await assertWholeChain(50);
        const actors = (await store.events.after(0, 50)).map(({ actor }) => actor);
        assert.equal(new Set(actors).size, 2);
      });

      test("fifty changes on five connections: the same, in whatever order they arrive", async () => {
        const outcomes = (await race(5, { kind: "appendEvents", count: 10 })).flat();
        assert.deepEqual(new Set(outcomes), new Set(["done"]));
        await assertWholeChain(50);
      });

      test("two keys where only one more is allowed: one is added, the other is a conflict", async () => {
        const { user } = await seed();
        await store.transaction(async (transaction) => {
          for (let number = 1; number < USABLE_KEYS_PER_USER_MAX; number++) await insertKey(transaction, user, number);
        });
        const texts = [jwk(1), jwk(2)];
        const outcomes = (await race(2, { kind: "addKey", username: user.username, texts })).flat();
        assert.deepEqual(outcomes.toSorted(), ["conflict", "done"]);
        await store.transaction(async (transaction) => {
          assert.equal(await transaction.keys.countUsable(user.id, NOW_MS), USABLE_KEYS_PER_USER_MAX);
        });
      });

      test("one modulus twenty times, for two users: it is added once", async () => {
        const { account, user } = await seed();
        const second = await store.transaction((transaction) =>
          transaction.users.insert({ account, name: "second", access: "full", createdAtMs: 1 }),
        );
        // Two exponents are two keys of one modulus.
        const texts = [jwk(1), jwk(1), jwk(1, "AQAD"), jwk(1, "AQAD")];
        const usernames = [user.username, second.username];
        const outcomes = (await race(5, { kind: "addKeys", usernames, texts })).flat();
        assert.equal(outcomes.length, 20);
        assert.deepEqual(outcomes.toSorted(), ["done", ...Array.from({ length: 19 }, () => "key_weak")]);
        assert.equal((await store.keys.listModuli(0 as KeyId, 10)).length, 1);
        await assertWholeChain(1);
      });

      test("four keys with proofs over one nonce: one is added, and the others are refused and leave nothing", async () => {
        const { user } = await seed();
        const texts = [jwk(1), jwk(2), jwk(3), jwk(4)];
        const challenge = { hash: "a".repeat(64), expiresAtMs: 1_000_000 };
        const outcomes = (await race(4, { kind: "addKey", username: user.username, texts, challenge })).flat();
        assert.deepEqual(outcomes.toSorted(), ["done", ...Array<string>(3).fill("key_proof_invalid")]);
        const [key, ...others] = await store.keys.list(user.id);
        assert.deepEqual(others, []);
        assert.notEqual(key?.provedAtMs, null);
      });

      test("two first starts: one signing key", async () => {
        const outcomes = (await race(2, { kind: "ensureSigningKey" })).flat();
        assert.deepEqual(outcomes, ["done", "done"]);
        assert.equal((await store.signingKeys.list()).length, 1);
        await assertWholeChain(1);
      });

      test("revoking against activating: the key ends revoked", async () => {
        const { user } = await seed();
        const keyId = await store.transaction(async (transaction) => {
          const id = await insertKey(transaction, user, 1);
          await transaction.keys.setStatus(id, "deactivated");
          return id;
        });
        const [[revoked] = [], [activated] = []] = await race(2, { kind: "revokeOrActivate", keyId });
        assert.equal(revoked, "done");
        assert.ok(activated === "done" || activated === "conflict", String(activated));
        assert.equal((await store.keys.find(keyId))?.status, "revoked");
        await assertWholeChain(activated === "done" ? 2 : 1);
      });

      test("ten uses of one assertion on four connections: exactly one is the first, of each", async () => {
        const { user } = await seed();
        const batches = Array.from({ length: 10 }, (_, step) => [
          `jti ${step % 5}`,
          `jti of step ${step}`,
          "one for all",
        ]);
        const outcomes = (await race(4, { kind: "useAssertions", userId: user.id, batches })).map((steps) =>
          steps.map((words) => words.split(" ")),
        );
        const firsts = new Map<string, number>();
        for (const steps of outcomes) {
          assert.equal(steps.length, batches.length);
          for (const [step, words] of steps.entries()) {
            assert.equal(words.length, 3, words.join(" "));
            for (const [index, word] of words.entries()) {
              assert.match(word, /^(true|false)$/);
              const jti = batches[step]?.[index] ?? "";
              firsts.set(jti, (firsts.get(jti) ?? 0) + (word === "true" ? 1 : 0));
            }
          }
        }
        assert.equal(firsts.size, 16);
        for (const [jti, count] of firsts) assert.equal(count, 1, jti);
      });

      test("four revocations of one token: one is new", async () => {
        const { user } = await seed();
        const token = { userId: user.id, keyId: 1, nonce: 2, expiresAtSeconds: 3 };
        const outcomes = (await race(4, { kind: "insertRevokedToken", token })).flat();
        assert.deepEqual(outcomes.toSorted(), ["again", "again", "again", "first"]);
      });

      test("two resource servers of one name: one is made, the other is a conflict", async () => {
        const outcomes = (await race(2, { kind: "createResourceServer", name: "shop" })).flat();
        assert.deepEqual(outcomes.toSorted(), ["conflict", "done"]);
        assert.equal((await store.resourceServers.list()).length, 1);
        await assertWholeChain(1);
      });

      test("four processes open a new store at once: each finds the schema", async () => {
        const outcomes = (await raceStores(await underTest.unopened(), 4, { kind: "open" })).flat();
        assert.deepEqual(outcomes, ["done", "done", "done", "done"]);
      });
    });

    describe("changes and reads at once", () => {
      test("keep each change atomic: a reader sees an account and its event, or neither", async () => {
        const reader = await connect();
        const changes = createRegistryChanges(store, createTestClock());
        const writing = (async () => {
          for (let count = 1; count <= 20; count++) await changes.createAccount("test", { shortname: `a${count}` });
        })();
        let seen = 0;
        while (seen < 20) {
          const accounts = (await reader.accounts.list()).length;
          const events = (await reader.events.last()).seq;
          assert.ok(events >= accounts, "an account appeared without its event");
          seen = events;
        }
        await writing;
        await assertWholeChain(20);
      });
    });

    test("that was closed rejects every call, and doesn't throw synchronously", async () => {
      const closed = await connect();
      connections.splice(connections.indexOf(closed), 1);
      await closed.close();
      for (const ask of [
        () => closed.users.loadRecord("x"),
        () => closed.users.loadRecordByKey(1 as KeyId),
        () => closed.accounts.list(),
        () => closed.events.after(0, 1),
        () => closed.events.last(),
        () => closed.changeMarker(),
        () => closed.transaction((transaction) => transaction.events.append(EVENT)),
        () => closed.resourceServers.list(),
        () => closed.resourceServers.load(1 as ResourceServerId),
        () => closed.revokedTokens.has({ keyId: 1, nonce: 1, expiresAtSeconds: 1 }),
        () => closed.revokedTokens.list(0, 0, 1),
        () => closed.assertions.use([{ userId: 1 as ApiUserId, jtiHash: "x", expiresAtSeconds: 1 }]),
        () => closed.removeExpired(expiredBefore(1), 1),
        () => closed.signingKeys.list(),
        () => closed.nodes.record(SAMPLE_NODE),
        () => closed.nodes.remove("a"),
        () => closed.nodes.listLive(1),
        () => closed.usage.keyHours(1 as KeyId, 0),
        () => closed.usage.record(usageOf([1 as KeyId, 1])),
      ]) {
        let answer: unknown;
        assert.doesNotThrow(() => {
          answer = ask();
        });
        await assert.rejects(answer as Promise<unknown>);
      }
    });
  });
}

/** Bounds that remove only what has expired. */
export function expiredBefore(expiredBeforeSeconds: number): ExpiryBounds {
  return {
    expiredBeforeSeconds,
    usageBeforeSeconds: 0,
    userRefusalsBeforeSeconds: 0,
    creationsBeforeMs: 0,
    sessionsBegunBeforeMs: 0,
    sessionsSeenBeforeMs: 0,
    unseenForMs: 3_600_000,
  };
}

/** Usage with only times of last use. */
function usageOf(...times: readonly (readonly [KeyId, number])[]): readonly KeyUsageRecord[] {
  return times.map(([keyId, lastUsedAtMs]) => ({
    keyId,
    lastUsedAtMs,
    tokensByHour: new Map(),
    tokensByExpiry: new Map(),
  }));
}

/** A made-up public key of 2048 bits. Its modulus is 2^2047 and more, odd, and has no small factor. */
function jwk(number: number, e = "AQAB"): string {
  const primes = Array.from({ length: 750 }, (_, index) => BigInt(index + 2));
  let modulus = (1n << 2047n) + (BigInt(number) << 1000n) + 1n;
  while (primes.some((prime) => modulus % prime === 0n)) modulus += 2n;
  return JSON.stringify({ kty: "RSA", n: Buffer.from(modulus.toString(16), "hex").toString("base64url"), e });
}
