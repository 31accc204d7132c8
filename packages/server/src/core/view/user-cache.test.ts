import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { refusesUnreachable, type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { type FeedFollower, followFeed, STALENESS_MS_MAX } from "../feed/follow-feed.ts";
import type { KeyId } from "../keys/model.ts";
import { Refusal } from "../refusal.ts";
import { createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import type { Store } from "../store/store.ts";
import { StoreBroken } from "../store/store-broken.ts";
import { createUserCache, type UserCache } from "./user-cache.ts";
import type { ViewUser } from "./view-user.ts";

const ACTOR = "test";
const KEY = 1 as KeyId;
const alice = rsaKeyPair("alice").publicPem;
const bob = rsaKeyPair("bob").publicPem;

let registry: TestRegistry;
/** Changes of this process: the feed is caught up before they are acknowledged. */
let changes: RegistryChanges;
let watched: WatchedStore;
let feed: FeedFollower;
let users: UserCache;
const opened: TestRegistry[] = [];

async function open(store: Store): Promise<void> {
  feed = await followFeed(store, registry.clock);
  users = createUserCache(store, feed);
}

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  watched = watchStore(registry.store);
  await registry.changes.createAccount(ACTOR, { shortname: "acme" });
  await registry.changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" });
  await registry.changes.createUser(ACTOR, { name: "other", account: "acme", access: "read_only" });
  await registry.changes.addKey(ACTOR, { username: "api-1-demo", text: alice });
  await registry.changes.addKey(ACTOR, { username: "api-1-other", text: bob });
  await open(watched.store);
  changes = createRegistryChanges(registry.store, registry.clock, () => feed.catchUp());
  watched.reset();
});
after(async () => {
  for (const each of opened) await each.close();
});

/** Changes that another process makes, which this one hears of by polling. */
async function otherProcess(): Promise<RegistryChanges> {
  return createRegistryChanges(await registry.connect(), registry.clock);
}

/** Moves the wall clock alone, as after a sleep of the machine or a change of its time. */
function moveWallMs(milliseconds: number): void {
  registry.clock.setMicroseconds(registry.clock.nowMicroseconds() + milliseconds * 1000);
}

function isRemembered(username: string): boolean {
  return !(users.findUser(username) instanceof Promise);
}

/** The refusal of a change that was made, but that this node couldn't read back. */
const UNCONFIRMED = { code: "unavailable", message: /^The change was made, but this node can't confirm/ };

const refusesUnavailable = (answer: unknown) => refusesUnreachable(answer, "The registry can't be read right now.");

describe("the user cache", () => {
  test("reads the store once and then answers from memory, synchronously", async () => {
    const asked = users.findUser("api-1-demo");
    assert.ok(asked instanceof Promise);
    const user = await asked;
    assert.equal(user?.username, "api-1-demo");
    assert.equal(user.account, "acme");
    assert.deepEqual([user.status, user.accountStatus, user.access], ["active", "active", "full"]);
    assert.equal(users.findUser("api-1-demo"), user);
    assert.equal(watched.calls("users.loadRecord"), 1);
    assert.deepEqual(users.figures(), { hits: 1, misses: 1, users: 1 });
  });

  test("caches a user's keys with the user, parsed", async () => {
    const user = await users.findUser("api-1-demo");
    const key = users.findKey(KEY);
    assert.ok(key !== undefined && !(key instanceof Promise));
    assert.equal(key, user?.keys[0]);
    assert.equal(key.user, user);
    assert.equal(key.modulus.length, 256);
    assert.ok(key.keyObject.equals(rsaKeyPair("alice").publicKey));
    assert.equal(watched.calls("users.loadRecordByKey"), 0);
  });

  test("caches the user with a key", async () => {
    const key = await users.findKey(KEY);
    assert.equal(key?.id, KEY);
    assert.equal(users.findUser("api-1-demo"), key.user);
    assert.equal(watched.calls("users.loadRecord"), 0);
    assert.equal(watched.calls("users.loadRecordByKey"), 1);
  });

  test("remembers which names and keys don't exist", async () => {
    assert.equal(await users.findUser("api-1-nobody"), undefined);
    assert.equal(await users.findKey(99 as KeyId), undefined);
    assert.equal(users.findUser("api-1-nobody"), undefined);
    assert.equal(users.findKey(99 as KeyId), undefined);
    assert.deepEqual([watched.calls("users.loadRecord"), watched.calls("users.loadRecordByKey")], [1, 1]);
    assert.deepEqual(users.figures(), { hits: 2, misses: 2, users: 0 });
  });

  test("treats names of object members like any other name", async () => {
    for (const name of ["__proto__", "constructor", "toString", "", "\0"]) {
      assert.equal(await users.findUser(name), undefined);
      assert.equal(users.findUser(name), undefined);
    }
  });

  test("reads once for many requests at once", async () => {
    const found = await Promise.all(Array.from({ length: 50 }, async () => users.findUser("api-1-demo")));
    assert.equal(new Set(found).size, 1);
    assert.equal(watched.calls("users.loadRecord"), 1);
    const keys = await Promise.all(Array.from({ length: 50 }, async () => users.findKey(2 as KeyId)));
    assert.equal(new Set(keys).size, 1);
    assert.equal(watched.calls("users.loadRecordByKey"), 1);
  });

  test("keeps a bounded number of users, and forgets their keys with them", async () => {
    const small = createUserCache(watched.store, feed, 1);
    await small.findUser("api-1-demo");
    await small.findUser("api-1-other");
    assert.equal(small.figures().users, 1);
    assert.ok(!(small.findUser("api-1-other") instanceof Promise));
    assert.ok(!(small.findKey(2 as KeyId) instanceof Promise));
    const again = small.findKey(KEY);
    assert.ok(again instanceof Promise, "the key of a forgotten user is read again");
    assert.equal((await again)?.user.username, "api-1-demo");
    assert.ok(small.findUser("api-1-other") instanceof Promise);
  });
});

describe("a change in this process holds before it is acknowledged", () => {
  const user = async () => {
    const found = await users.findUser("api-1-demo");
    assert.ok(found !== undefined);
    return found;
  };

  for (const [name, change, expected] of [
    [
      "account.deactivated",
      () => changes.setAccountStanding(ACTOR, "acme", "deactivated"),
      ({ accountStatus }: ViewUser) => accountStatus === "deactivated",
    ],
    [
      "user.deactivated",
      () => changes.setUserStanding(ACTOR, "api-1-demo", "deactivated"),
      ({ status }: ViewUser) => status === "deactivated",
    ],
    [
      "key.deactivated",
      () => changes.setKeyStanding(ACTOR, KEY, "deactivated"),
      ({ keys }: ViewUser) => keys[0]?.status === "deactivated",
    ],
    [
      "user.changed",
      () => changes.changeUser(ACTOR, "api-1-demo", { networks: ["192.0.2.0/24"] }),
      ({ keys }: ViewUser) =>
        keys[0]?.limits.map(({ of, texts }) => `${of} ${texts.join()}`).join() === "user 192.0.2.0/24",
    ],
    [
      "key.changed",
      () => changes.changeKey(ACTOR, KEY, { networks: ["192.0.2.7", "2001:db8::/32"] }),
      ({ keys }: ViewUser) =>
        keys[0]?.limits.map(({ of, texts }) => `${of} ${texts.join()}`).join() === "key 192.0.2.7/32,2001:db8::/32",
    ],
    ["key.revoked", () => changes.revokeKey(ACTOR, KEY), ({ keys }: ViewUser) => keys[0]?.status === "revoked"],
    [
      "key.added",
      async () => {
        await changes.revokeKey(ACTOR, 2 as KeyId);
        await changes.addKey(ACTOR, { username: "api-1-demo", text: rsaKeyPair("carol").publicPem });
      },
      ({ keys }: ViewUser) => keys.length === 2,
    ],
  ] as const) {
    test(`${name}, for the name and for the key`, async () => {
      assert.ok(!expected(await user()));
      await users.findKey(KEY);
      await change();
      assert.ok(expected(await user()));
      const key = await users.findKey(KEY);
      assert.ok(key !== undefined && expected(key.user));
    });
  }

  for (const [name, off, on] of [
    [
      "account.activated",
      () => changes.setAccountStanding(ACTOR, "acme", "deactivated"),
      () => changes.setAccountStanding(ACTOR, "acme", "active"),
    ],
    [
      "user.activated",
      () => changes.setUserStanding(ACTOR, "api-1-demo", "deactivated"),
      () => changes.setUserStanding(ACTOR, "api-1-demo", "active"),
    ],
    [
      "key.activated",
      () => changes.setKeyStanding(ACTOR, KEY, "deactivated"),
      () => changes.setKeyStanding(ACTOR, KEY, "active"),
    ],
  ] as const) {
    test(`${name}, for the name and for the key`, async () => {
      await off();
      await user();
      await on();
      const { status, accountStatus, keys } = await user();
      assert.deepEqual([status, accountStatus, keys[0]?.status], ["active", "active", "active"]);
    });
  }

  test("user.created and key.added, where their absence was remembered", async () => {
    assert.equal(await users.findUser("api-1-new"), undefined);
    assert.equal(await users.findKey(3 as KeyId), undefined);
    await changes.createUser(ACTOR, { name: "new", account: "acme", access: "full" });
    assert.equal((await users.findUser("api-1-new"))?.keys.length, 0);
    await changes.addKey(ACTOR, { username: "api-1-new", text: rsaKeyPair("carol").publicPem });
    assert.equal((await users.findKey(3 as KeyId))?.user.username, "api-1-new");
    assert.equal((await users.findUser("api-1-new"))?.keys.length, 1);
  });

  test("and leaves other users in memory", async () => {
    await users.findUser("api-1-other");
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await changes.ensureSigningKey(ACTOR, TEST_MASTER_SECRET);
    await changes.createAccount(ACTOR, { shortname: "beta" });
    await changes.setAccountStanding(ACTOR, "beta", "deactivated");
    assert.ok(isRemembered("api-1-other"));
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    assert.ok(!isRemembered("api-1-other"), "an account's change evicts all of its users");
  });

  test("and an event of another release evicts every user, since it may have changed any", async () => {
    await users.findUser("api-1-other");
    await registry.store.transaction((transaction) =>
      transaction.events.append({ atMs: 0, actor: ACTOR, action: "user.renamed", subject: "user:7", details: {} }),
    );
    await feed.catchUp();
    assert.ok(!isRemembered("api-1-other"));
  });

  test("even where the feed is read in several parts", async () => {
    await users.findUser("api-1-demo");
    await registry.store.transaction(async (transaction) => {
      for (let count = 0; count < 1200; count++) {
        await transaction.events.append({ atMs: 0, actor: ACTOR, action: "key.added", subject: "key:9", details: {} });
      }
    });
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.ok(watched.calls("events.after") >= 3);
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });

  test("for every user of an account, however they are mixed with others in memory", async () => {
    for (const account of ["beta", "gamma"]) await changes.createAccount(ACTOR, { shortname: account });
    const names: string[] = [];
    for (const [account, id] of [
      ["acme", 1],
      ["beta", 2],
      ["gamma", 3],
    ] as const) {
      for (const name of ["a", "b", "c"]) {
        await changes.createUser(ACTOR, { name, account, access: "full" });
        names.push(`api-${id}-${name}`);
      }
    }
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(names, { minLength: 1 }),
        fc.array(fc.tuple(fc.constantFrom("acme", "beta", "gamma"), fc.constantFrom("active", "deactivated")), {
          minLength: 1,
          maxLength: 3,
        }),
        async (found, standings) => {
          for (const name of found) await users.findUser(name);
          for (const [account, standing] of standings) {
            await changes.setAccountStanding(ACTOR, account, standing);
          }
          const truth = new Map((await registry.store.accounts.list()).map((each) => [each.id, each.status]));
          for (const name of names) {
            const user = await users.findUser(name);
            assert.equal(user?.accountStatus, truth.get(user?.accountId as never), name);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("a change in another process", () => {
  test("is seen by the next poll", async () => {
    const other = await otherProcess();
    assert.equal((await users.findKey(KEY))?.status, "active");
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal((await users.findKey(KEY))?.status, "active", "not yet");
    await feed.poll();
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
    await other.setKeyStanding(ACTOR, KEY, "active");
    await feed.poll();
    assert.equal((await users.findKey(KEY))?.status, "active");
  });

  test("that creates what was remembered as missing is seen by the next poll", async () => {
    const other = await otherProcess();
    assert.equal(await users.findUser("api-1-new"), undefined);
    await other.createUser(ACTOR, { name: "new", account: "acme", access: "full" });
    await feed.poll();
    assert.equal((await users.findUser("api-1-new"))?.username, "api-1-new");
  });

  test("that comes between the feed's opening and its first poll is seen", async () => {
    const other = await otherProcess();
    const delayed = watched.delayNext("events.last");
    const opening = followFeed(watched.store, registry.clock);
    await delayed.asked;
    await other.revokeKey(ACTOR, KEY);
    delayed.release();
    const lateFeed = await opening;
    const late = createUserCache(watched.store, lateFeed);
    await late.findKey(KEY);
    await lateFeed.poll();
    assert.equal((await late.findKey(KEY))?.status, "revoked");
  });

  test("that comes while a poll reads is seen by the next one", async () => {
    const other = await otherProcess();
    await users.findKey(KEY);
    await other.setUserStanding(ACTOR, "api-1-other", "deactivated");
    const delayed = watched.delayNext("changeMarker");
    const polling = feed.poll();
    await delayed.asked;
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    delayed.release();
    await polling;
    await feed.poll();
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });

  test("is read again by the next poll after a failed read", async () => {
    const other = await otherProcess();
    await users.findKey(KEY);
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    watched.fail("events.after");
    await assert.rejects(feed.poll(), { message: "the store can't be reached" });
    watched.fail();
    await feed.poll();
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });
});

describe("a feed that isn't confirmed", () => {
  test(`is trusted for ${STALENESS_MS_MAX} ms, inclusive; then the store is read for each decision`, async () => {
    await users.findUser("api-1-demo");
    await users.findUser("api-1-nobody");
    await users.findKey(KEY);
    watched.reset();
    for (const step of [STALENESS_MS_MAX - 1000, 1000]) {
      registry.clock.advanceMonotonicMs(step);
      assert.equal(feed.isFresh(), true);
      assert.ok(isRemembered("api-1-demo") && isRemembered("api-1-nobody"));
    }
    registry.clock.advanceMonotonicMs(0.001);
    assert.equal(feed.isFresh(), false);
    for (let count = 1; count <= 3; count++) {
      assert.equal((await users.findUser("api-1-demo"))?.username, "api-1-demo");
      assert.equal(await users.findUser("api-1-nobody"), undefined);
      assert.equal((await users.findKey(KEY))?.id, KEY);
      assert.deepEqual([watched.calls("users.loadRecord"), watched.calls("users.loadRecordByKey")], [2 * count, count]);
    }
    await feed.poll();
    assert.equal(feed.isFresh(), true);
    assert.ok(isRemembered("api-1-demo"), "what is in memory is right again");
  });

  test("never serves a stale yes: a revoked key is refused although no poll has run", async () => {
    const other = await otherProcess();
    assert.equal((await users.findKey(KEY))?.status, "active");
    await other.revokeKey(ACTOR, KEY);
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    assert.equal((await users.findKey(KEY))?.status, "revoked");
    assert.equal((await users.findUser("api-1-demo"))?.keys[0]?.status, "revoked");
  });

  test("shares no read between decisions", async () => {
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    const other = await otherProcess();
    const delayed = watched.delayNext("users.loadRecord");
    const first = users.findUser("api-1-demo");
    await delayed.asked;
    await other.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    const second = await users.findUser("api-1-demo");
    assert.equal(second?.status, "deactivated");
    delayed.release();
    await first;
  });

  test("caches nothing that is read meanwhile", async () => {
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    await users.findUser("api-1-demo");
    await users.findUser("api-1-nobody");
    await feed.poll();
    assert.ok(!isRemembered("api-1-demo") && !isRemembered("api-1-nobody"));
  });

  test("refuses where the store can't be read, whatever is in memory", async () => {
    await users.findUser("api-1-demo");
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    watched.fail("users.loadRecord", "users.loadRecordByKey", "changeMarker");
    await assert.rejects(feed.poll(), { message: "the store can't be reached" });
    await refusesUnavailable(users.findUser("api-1-demo"));
    await refusesUnavailable(users.findUser("api-1-nobody"));
    await refusesUnavailable(users.findKey(KEY));
    watched.fail();
    assert.equal((await users.findUser("api-1-demo"))?.username, "api-1-demo");
  });

  test("gives no stale yes after the machine has slept, when the monotonic clock stood still", async () => {
    const other = await otherProcess();
    assert.equal((await users.findKey(KEY))?.status, "active");
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    moveWallMs(10_000);
    assert.equal(feed.isFresh(), false);
    // The wall clock's microseconds aren't whole milliseconds.
    assert.ok(Math.abs(feed.confirmedMsAgo() - 10_000) < 0.01);
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
    await feed.poll();
    assert.equal(feed.isFresh(), true);
    assert.equal(feed.confirmedMsAgo(), 0);
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });
});

describe("a store that turns out to be another one, or damaged,", () => {
  /** As the SQLite store does: each method rejects, most with a refusal whose cause says why. */
  function breakable(store: Store) {
    const state = { isBroken: false };
    const message = "the store can't be reached";
    const broken = new Refusal("unavailable", message, { cause: new StoreBroken(message) });
    const fail = <Value>(work: Promise<Value>) => (state.isBroken ? Promise.reject<Value>(broken) : work);
    const breaking: Store = {
      ...store,
      changeMarker: () => fail(store.changeMarker()),
      events: { ...store.events, after: (seq, limit) => fail(store.events.after(seq, limit)) },
      users: { ...store.users, loadRecord: (username) => fail(store.users.loadRecord(username)) },
    };
    return { state, breaking };
  }

  test("unconfirms the feed at once: nothing is answered from memory, even within the staleness bound", async () => {
    const { state, breaking } = breakable(registry.store);
    await open(breaking);
    await users.findUser("api-1-demo");
    assert.ok(isRemembered("api-1-demo"));
    state.isBroken = true;
    await assert.rejects(feed.poll());
    assert.equal(feed.isFresh(), false);
    await refusesUnavailable(users.findUser("api-1-demo"));
    // A change of this process that can't be read back counts as well.
    state.isBroken = false;
    await feed.poll();
    assert.ok(isRemembered("api-1-demo"));
    state.isBroken = true;
    await assert.rejects(feed.catchUp());
    assert.equal(feed.isFresh(), false);
  });

  test("confirms the feed again once it is back, after reading what happened meanwhile", async () => {
    const { state, breaking } = breakable(registry.store);
    await open(breaking);
    await users.findUser("api-1-demo");
    state.isBroken = true;
    await assert.rejects(feed.poll());
    // By this very process's connection, so that the marker doesn't move.
    await registry.changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    state.isBroken = false;
    await feed.poll();
    assert.equal(feed.isFresh(), true);
    assert.equal((await users.findUser("api-1-demo"))?.status, "deactivated");
  });
});

describe("a store that can't be asked", () => {
  test("doesn't affect what is in memory and fresh, and is a refusal for the rest", async () => {
    await users.findUser("api-1-demo");
    watched.fail("users.loadRecord", "users.loadRecordByKey");
    assert.ok(isRemembered("api-1-demo"));
    await refusesUnavailable(users.findUser("api-1-other"));
    await refusesUnavailable(users.findKey(2 as KeyId));
  });

  test("isn't remembered as an absence: the next request reads again", async () => {
    watched.fail("users.loadRecord");
    await refusesUnavailable(users.findUser("api-1-demo"));
    watched.fail();
    assert.equal((await users.findUser("api-1-demo"))?.username, "api-1-demo");
  });

  test("right after a change of this process leaves no stale yes once it can be read again", async () => {
    assert.equal((await users.findKey(KEY))?.status, "active");
    watched.fail("events.after");
    // The change is durable and this node doesn't know of it: its author gets the failure.
    await assert.rejects(changes.setKeyStanding(ACTOR, KEY, "deactivated"), UNCONFIRMED);
    watched.fail();
    await feed.poll();
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });
});

describe("a reading of a change of this process that fails behind another's", () => {
  test("is repeated by the next poll", async () => {
    assert.equal((await users.findKey(KEY))?.status, "active");
    const other = await registry.connect();
    // Moves the marker without an event: the poll's own reading ends after one query.
    await other.usage.record([{ keyId: KEY, lastUsedAtMs: 1, tokensByHour: new Map(), tokensByExpiry: new Map() }]);
    const delayed = watched.delayNext("events.after");
    const polling = feed.poll();
    await delayed.asked;
    const seqBefore = (await other.events.last()).seq;
    const changing = changes.setKeyStanding(ACTOR, KEY, "deactivated");
    while ((await other.events.last()).seq === seqBefore) await new Promise((resolve) => setImmediate(resolve));
    watched.fail("events.after");
    delayed.release();
    await polling;
    await assert.rejects(changing, UNCONFIRMED);
    watched.fail();
    await feed.poll();
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });
});

describe("an answer that was read before a change and arrives after it", () => {
  test("is neither kept nor given to a later request, for a name", async () => {
    const delayed = watched.delayNext("users.loadRecord");
    const before = users.findUser("api-1-demo");
    await delayed.asked;
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    assert.equal((await users.findUser("api-1-demo"))?.status, "deactivated");
    delayed.release();
    assert.equal((await before)?.status, "active", "right for a request that began before the change");
    assert.equal((await users.findUser("api-1-demo"))?.status, "deactivated");
  });

  test("is neither kept nor given to a later request, for a key", async () => {
    const delayed = watched.delayNext("users.loadRecordByKey");
    const before = users.findKey(KEY);
    await delayed.asked;
    await changes.revokeKey(ACTOR, KEY);
    assert.equal((await users.findKey(KEY))?.status, "revoked");
    delayed.release();
    assert.equal((await before)?.status, "active");
    assert.equal((await users.findKey(KEY))?.status, "revoked");
    assert.equal((await users.findUser("api-1-demo"))?.keys[0]?.status, "revoked");
  });

  test("isn't kept as an absence", async () => {
    const delayed = watched.delayNext("users.loadRecord");
    const before = users.findUser("api-1-new");
    await delayed.asked;
    await changes.createUser(ACTOR, { name: "new", account: "acme", access: "full" });
    delayed.release();
    assert.equal(await before, undefined);
    assert.equal((await users.findUser("api-1-new"))?.username, "api-1-new");
  });

  test("isn't kept where the feed went stale meanwhile", async () => {
    const delayed = watched.delayNext("users.loadRecord");
    const before = users.findUser("api-1-demo");
    await delayed.asked;
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    delayed.release();
    await before;
    await feed.poll();
    assert.ok(!isRemembered("api-1-demo"));
  });
});

describe("catching up", () => {
  test("waits for a reading under way and then reads again, so that it never misses the caller's change", async () => {
    await users.findKey(KEY);
    const delayed = watched.delayNext("events.after");
    const first = feed.catchUp();
    await delayed.asked;
    const change = changes.setKeyStanding(ACTOR, KEY, "deactivated");
    let acknowledged = false;
    const watching = change.then(() => {
      acknowledged = true;
    });
    while ((await registry.store.keys.find(KEY))?.status !== "deactivated") await Promise.resolve();
    assert.equal(acknowledged, false);
    delayed.release();
    await Promise.all([first, change, watching]);
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });

  test("reads after a failed reading as well", async () => {
    await users.findKey(KEY);
    watched.fail("events.after");
    const failed = feed.catchUp();
    await assert.rejects(failed, { message: "the store can't be reached" });
    watched.fail();
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });

  test("of many changes at once ends with all of them", async () => {
    await users.findUser("api-1-demo");
    await users.findUser("api-1-other");
    await Promise.all([
      changes.setUserStanding(ACTOR, "api-1-demo", "deactivated"),
      changes.setUserStanding(ACTOR, "api-1-other", "deactivated"),
      changes.setKeyStanding(ACTOR, KEY, "deactivated"),
    ]);
    assert.equal((await users.findUser("api-1-demo"))?.status, "deactivated");
    assert.equal((await users.findUser("api-1-other"))?.status, "deactivated");
    assert.equal((await users.findKey(KEY))?.status, "deactivated");
  });
});
