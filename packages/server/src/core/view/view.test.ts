import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { Refusal } from "../refusal.ts";
import { createSystemRandom } from "../../platform/random.ts";
import { formatTokenId, type TokenIdentity } from "../token/token-identity.ts";
import { createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import type { ApiUserId } from "../users/model.ts";
import type { KeyId } from "../keys/model.ts";
import type { ResourceServer, ResourceServerId } from "../resource-servers/model.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "../../testing/test-changes.ts";
import type { Store } from "../store/store.ts";
import { StoreBroken } from "../store/store-broken.ts";
import { type FeedEvent, STALENESS_MS_MAX } from "../feed/follow-feed.ts";
import { openRegistryView, type RegistryView, type ViewUser } from "./view.ts";

const ACTOR = "test";
const KEY = 1 as KeyId;
const alice = rsaKeyPair("alice").publicPem;
const bob = rsaKeyPair("bob").publicPem;

let registry: TestRegistry;
/** Changes that this process makes: the view is caught up before they are acknowledged. */
let changes: RegistryChanges;
let watched: WatchedStore;
let view: RegistryView;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  watched = watchStore(registry.store);
  await registry.changes.createAccount(ACTOR, { shortname: "acme" });
  await registry.changes.createUser(ACTOR, { name: "demo", account: "acme", access: "full" });
  await registry.changes.createUser(ACTOR, { name: "other", account: "acme", access: "read_only" });
  await registry.changes.addKey(ACTOR, { username: "api-1-demo", text: alice });
  await registry.changes.addKey(ACTOR, { username: "api-1-other", text: bob });
  view = await openRegistryView(watched.store, registry.clock);
  changes = createRegistryChanges(registry.store, registry.clock, () => view.feed.catchUp());
  watched.reset();
});
after(async () => {
  for (const each of opened) await each.close();
});

/** Changes that another process makes, which this one hears of by polling. */
async function otherProcess(): Promise<RegistryChanges> {
  return createRegistryChanges(await registry.connect(), registry.clock);
}

/** Moves the wall clock alone: what a machine finds that slept, or whose time was set. */
function moveWallMs(milliseconds: number): void {
  registry.clock.setMicroseconds(registry.clock.nowMicroseconds() + milliseconds * 1000);
}

function isRemembered(username: string): boolean {
  return !(view.findUser(username) instanceof Promise);
}

/** What becomes of a change that was made, where the view can't read it back. */
const UNCONFIRMED = { code: "unavailable", message: /^The change was made, but this node can't confirm/ };

async function refusesUnavailable(answer: unknown): Promise<void> {
  await assert.rejects(answer as Promise<unknown>, (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.code, "unavailable");
    assert.equal(error.message, "The registry can't be asked right now.");
    assert.equal(error.detail.retryAfterSeconds, 1);
    assert.match(String(error.cause), /the store can't be reached/);
    return true;
  });
}

describe("the view", () => {
  test("asks the store once and answers from memory, at once, after that", async () => {
    const asked = view.findUser("api-1-demo");
    assert.ok(asked instanceof Promise);
    const user = await asked;
    assert.equal(user?.username, "api-1-demo");
    assert.equal(user.account, "acme");
    assert.deepEqual([user.status, user.accountStatus, user.access], ["active", "active", "full"]);
    assert.equal(view.findUser("api-1-demo"), user);
    assert.equal(watched.calls("users.loadRecord"), 1);
    assert.deepEqual(view.figures(), { hits: 1, misses: 1, users: 1, revokedTokens: 0 });
  });

  test("knows a user's keys with the user, parsed", async () => {
    const user = await view.findUser("api-1-demo");
    const key = view.findKey(KEY);
    assert.ok(key !== undefined && !(key instanceof Promise));
    assert.equal(key, user?.keys[0]);
    assert.equal(key.user, user);
    assert.equal(key.modulus.length, 256);
    assert.ok(key.keyObject.equals(rsaKeyPair("alice").publicKey));
    assert.equal(watched.calls("users.loadRecordByKey"), 0);
  });

  test("knows the user with a key", async () => {
    const key = await view.findKey(KEY);
    assert.equal(key?.id, KEY);
    assert.equal(view.findUser("api-1-demo"), key.user);
    assert.equal(watched.calls("users.loadRecord"), 0);
    assert.equal(watched.calls("users.loadRecordByKey"), 1);
  });

  test("remembers what isn't there, names and keys", async () => {
    assert.equal(await view.findUser("api-1-nobody"), undefined);
    assert.equal(await view.findKey(99 as KeyId), undefined);
    assert.equal(view.findUser("api-1-nobody"), undefined);
    assert.equal(view.findKey(99 as KeyId), undefined);
    assert.deepEqual([watched.calls("users.loadRecord"), watched.calls("users.loadRecordByKey")], [1, 1]);
    assert.deepEqual(view.figures(), { hits: 2, misses: 2, users: 0, revokedTokens: 0 });
  });

  test("isn't fooled by names that objects have", async () => {
    for (const name of ["__proto__", "constructor", "toString", "", "\0"]) {
      assert.equal(await view.findUser(name), undefined);
      assert.equal(view.findUser(name), undefined);
    }
  });

  test("asks once for a stampede", async () => {
    const found = await Promise.all(Array.from({ length: 50 }, async () => view.findUser("api-1-demo")));
    assert.equal(new Set(found).size, 1);
    assert.equal(watched.calls("users.loadRecord"), 1);
    const keys = await Promise.all(Array.from({ length: 50 }, async () => view.findKey(2 as KeyId)));
    assert.equal(new Set(keys).size, 1);
    assert.equal(watched.calls("users.loadRecordByKey"), 1);
  });

  test("keeps no more users than it may, and forgets their keys with them", async () => {
    const small = await openRegistryView(watched.store, registry.clock, 1);
    await small.findUser("api-1-demo");
    await small.findUser("api-1-other");
    assert.equal(small.figures().users, 1);
    assert.ok(!(small.findUser("api-1-other") instanceof Promise));
    assert.ok(!(small.findKey(2 as KeyId) instanceof Promise));
    const again = small.findKey(KEY);
    assert.ok(again instanceof Promise, "the key of a forgotten user is asked for");
    assert.equal((await again)?.user.username, "api-1-demo");
    assert.ok(small.findUser("api-1-other") instanceof Promise);
  });
});

describe("a change in this process holds before it is acknowledged", () => {
  const user = async () => {
    const found = await view.findUser("api-1-demo");
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
      await view.findKey(KEY);
      await change();
      assert.ok(expected(await user()));
      const key = await view.findKey(KEY);
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

  test("user.created and key.added, where it was remembered that they aren't there", async () => {
    assert.equal(await view.findUser("api-1-new"), undefined);
    assert.equal(await view.findKey(3 as KeyId), undefined);
    await changes.createUser(ACTOR, { name: "new", account: "acme", access: "full" });
    assert.equal((await view.findUser("api-1-new"))?.keys.length, 0);
    await changes.addKey(ACTOR, { username: "api-1-new", text: alice });
    assert.equal((await view.findKey(3 as KeyId))?.user.username, "api-1-new");
    assert.equal((await view.findUser("api-1-new"))?.keys.length, 1);
  });

  test("and leaves users that it doesn't touch in memory", async () => {
    await view.findUser("api-1-other");
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await changes.ensureSigningKey(ACTOR, TEST_MASTER_SECRET);
    await changes.createAccount(ACTOR, { shortname: "beta" });
    await changes.setAccountStanding(ACTOR, "beta", "deactivated");
    assert.ok(isRemembered("api-1-other"));
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    assert.ok(!isRemembered("api-1-other"), "an account's change touches all of its users");
  });

  test("and an event of another version evicts every user, since it may have changed any", async () => {
    await view.findUser("api-1-other");
    await registry.store.transaction((transaction) =>
      transaction.events.append({ atMs: 0, actor: ACTOR, action: "user.renamed", subject: "user:7", details: {} }),
    );
    await view.feed.catchUp();
    assert.ok(!isRemembered("api-1-other"));
  });

  test("even where the view must read the feed in several parts", async () => {
    await view.findUser("api-1-demo");
    await registry.store.transaction(async (transaction) => {
      for (let count = 0; count < 1200; count++) {
        await transaction.events.append({ atMs: 0, actor: ACTOR, action: "key.added", subject: "key:9", details: {} });
      }
    });
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.ok(watched.calls("events.after") >= 3);
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
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
          for (const name of found) await view.findUser(name);
          for (const [account, standing] of standings) {
            await changes.setAccountStanding(ACTOR, account, standing);
          }
          const truth = new Map((await registry.store.accounts.list()).map((each) => [each.id, each.status]));
          for (const name of names) {
            const user = await view.findUser(name);
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
    assert.equal((await view.findKey(KEY))?.status, "active");
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal((await view.findKey(KEY))?.status, "active", "not yet");
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
    await other.setKeyStanding(ACTOR, KEY, "active");
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "active");
  });

  test("that makes what was remembered as missing is seen by the next poll", async () => {
    const other = await otherProcess();
    assert.equal(await view.findUser("api-1-new"), undefined);
    await other.createUser(ACTOR, { name: "new", account: "acme", access: "full" });
    await view.feed.poll();
    assert.equal((await view.findUser("api-1-new"))?.username, "api-1-new");
  });

  test("that comes between the view's opening and its first poll is seen", async () => {
    const other = await otherProcess();
    const hold = watched.holdNext("events.last");
    const opening = openRegistryView(watched.store, registry.clock);
    await hold.asked;
    await other.revokeKey(ACTOR, KEY);
    hold.release();
    const late = await opening;
    await late.findKey(KEY);
    await late.feed.poll();
    assert.equal((await late.findKey(KEY))?.status, "revoked");
  });

  test("that comes while a poll reads is seen by the next one", async () => {
    const other = await otherProcess();
    await view.findKey(KEY);
    await other.setUserStanding(ACTOR, "api-1-other", "deactivated");
    const hold = watched.holdNext("changeMarker");
    const polling = view.feed.poll();
    await hold.asked;
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    hold.release();
    await polling;
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });

  test("costs a read of the feed; where there was none, a poll reads nothing", async () => {
    const other = await otherProcess();
    await view.feed.poll();
    watched.reset();
    for (let count = 0; count < 5; count++) await view.feed.poll();
    assert.equal(watched.calls("events.after"), 0);
    assert.equal(watched.calls("changeMarker"), 5);
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    await view.feed.poll();
    assert.ok(watched.calls("events.after") > 0);
  });

  test("is read again by the next poll where reading it failed", async () => {
    const other = await otherProcess();
    await view.findKey(KEY);
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    watched.fail("events.after");
    await assert.rejects(view.feed.poll(), { message: "the store can't be reached" });
    watched.fail();
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });
});

describe("a view that isn't confirmed", () => {
  test(`is trusted for ${STALENESS_MS_MAX} ms, inclusive, and then asks the store for each decision`, async () => {
    await view.findUser("api-1-demo");
    await view.findUser("api-1-nobody");
    await view.findKey(KEY);
    watched.reset();
    for (const step of [STALENESS_MS_MAX - 1000, 1000]) {
      registry.clock.advanceMonotonicMs(step);
      assert.equal(view.feed.isFresh(), true);
      assert.ok(isRemembered("api-1-demo") && isRemembered("api-1-nobody"));
    }
    registry.clock.advanceMonotonicMs(0.001);
    assert.equal(view.feed.isFresh(), false);
    for (let count = 1; count <= 3; count++) {
      assert.equal((await view.findUser("api-1-demo"))?.username, "api-1-demo");
      assert.equal(await view.findUser("api-1-nobody"), undefined);
      assert.equal((await view.findKey(KEY))?.id, KEY);
      assert.deepEqual([watched.calls("users.loadRecord"), watched.calls("users.loadRecordByKey")], [2 * count, count]);
    }
    await view.feed.poll();
    assert.equal(view.feed.isFresh(), true);
    assert.ok(isRemembered("api-1-demo"), "what is in memory is right again");
  });

  test("never serves a stale yes: a revoked key is refused although nobody polled", async () => {
    const other = await otherProcess();
    assert.equal((await view.findKey(KEY))?.status, "active");
    await other.revokeKey(ACTOR, KEY);
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    assert.equal((await view.findKey(KEY))?.status, "revoked");
    assert.equal((await view.findUser("api-1-demo"))?.keys[0]?.status, "revoked");
  });

  test("shares no question between decisions", async () => {
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    const other = await otherProcess();
    const hold = watched.holdNext("users.loadRecord");
    const first = view.findUser("api-1-demo");
    await hold.asked;
    await other.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    const second = await view.findUser("api-1-demo");
    assert.equal(second?.status, "deactivated");
    hold.release();
    await first;
  });

  test("keeps nothing that it learns meanwhile", async () => {
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    await view.findUser("api-1-demo");
    await view.findUser("api-1-nobody");
    await view.feed.poll();
    assert.ok(!isRemembered("api-1-demo") && !isRemembered("api-1-nobody"));
  });

  test("refuses where the store can't be asked, whatever is in memory", async () => {
    await view.findUser("api-1-demo");
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    watched.fail("users.loadRecord", "users.loadRecordByKey", "changeMarker");
    await assert.rejects(view.feed.poll(), { message: "the store can't be reached" });
    await refusesUnavailable(view.findUser("api-1-demo"));
    await refusesUnavailable(view.findUser("api-1-nobody"));
    await refusesUnavailable(view.findKey(KEY));
    watched.fail();
    assert.equal((await view.findUser("api-1-demo"))?.username, "api-1-demo");
  });

  test("counts from when the confirming began, not from when it ended", async () => {
    for (const method of ["changeMarker", "events.after"] as const) {
      const hold = watched.holdNext(method);
      const confirming = method === "changeMarker" ? view.feed.poll() : view.feed.catchUp();
      await hold.asked;
      registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
      hold.release();
      await confirming;
      assert.equal(view.feed.isFresh(), false, method);
      await view.feed.poll();
      assert.equal(view.feed.isFresh(), true);
    }
  });

  test("gives no stale yes after the machine has slept, while which the monotonic clock stands still", async () => {
    const other = await otherProcess();
    assert.equal((await view.findKey(KEY))?.status, "active");
    const token: TokenIdentity = { keyId: 1, nonce: 2, expiresAtSeconds: 3 };
    assert.equal(await view.isTokenRevoked(token), false);
    await other.setKeyStanding(ACTOR, KEY, "deactivated");
    moveWallMs(10_000);
    assert.equal(view.feed.isFresh(), false);
    // The wall clock's microseconds aren't whole milliseconds.
    assert.ok(Math.abs(view.feed.confirmedMsAgo() - 10_000) < 0.01);
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
    assert.ok(view.isTokenRevoked(token) instanceof Promise, "the store is asked");
    await view.feed.poll();
    assert.equal(view.feed.isFresh(), true);
    assert.equal(view.feed.confirmedMsAgo(), 0);
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });

  test("isn't confirmed by an answer of the store that came after a sleep and was given before it", async () => {
    for (const method of ["changeMarker", "events.after"] as const) {
      const hold = watched.holdNext(method);
      const confirming = method === "changeMarker" ? view.feed.poll() : view.feed.catchUp();
      await hold.asked;
      moveWallMs(STALENESS_MS_MAX + 1);
      hold.release();
      await confirming;
      assert.equal(view.feed.isFresh(), false, method);
      await view.feed.poll();
      assert.equal(view.feed.isFresh(), true);
    }
  });

  test("stays confirmed where the wall clock is set back, and only for as long as the monotonic clock says", () => {
    moveWallMs(-3_600_000);
    assert.equal(view.feed.isFresh(), true);
    registry.clock.advanceSeconds(STALENESS_MS_MAX / 1000);
    assert.equal(view.feed.isFresh(), true);
    registry.clock.advanceMonotonicMs(1);
    assert.equal(view.feed.isFresh(), false);
  });

  test("is confirmed again by the next poll where the wall clock was set ahead", async () => {
    moveWallMs(3_600_000);
    assert.equal(view.feed.isFresh(), false);
    await view.feed.poll();
    assert.equal(view.feed.isFresh(), true);
  });
});

describe("a store that turns out to be another one, or damaged,", () => {
  /** What the SQLite store does: each method rejects, most with a refusal whose cause says why. */
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

  test("unconfirms the view at once: nothing is answered from memory, within the staleness bound either", async () => {
    const { state, breaking } = breakable(registry.store);
    view = await openRegistryView(breaking, registry.clock);
    await view.findUser("api-1-demo");
    assert.ok(isRemembered("api-1-demo"));
    state.isBroken = true;
    await assert.rejects(view.feed.poll());
    assert.equal(view.feed.isFresh(), false);
    await refusesUnavailable(view.findUser("api-1-demo"));
    // A change of this process that can't be read back counts as well.
    state.isBroken = false;
    await view.feed.poll();
    assert.ok(isRemembered("api-1-demo"));
    state.isBroken = true;
    await assert.rejects(view.feed.catchUp());
    assert.equal(view.feed.isFresh(), false);
  });

  test("confirms it again once it is back, and what happened meanwhile is taken in first", async () => {
    const { state, breaking } = breakable(registry.store);
    view = await openRegistryView(breaking, registry.clock);
    await view.findUser("api-1-demo");
    state.isBroken = true;
    await assert.rejects(view.feed.poll());
    // By this very process's connection, so that the marker doesn't move.
    await registry.changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    state.isBroken = false;
    await view.feed.poll();
    assert.equal(view.feed.isFresh(), true);
    assert.equal((await view.findUser("api-1-demo"))?.status, "deactivated");
  });
});

describe("a store that can't be asked", () => {
  test("is no matter for what is in memory and fresh, and a refusal for the rest", async () => {
    await view.findUser("api-1-demo");
    watched.fail("users.loadRecord", "users.loadRecordByKey");
    assert.ok(isRemembered("api-1-demo"));
    await refusesUnavailable(view.findUser("api-1-other"));
    await refusesUnavailable(view.findKey(2 as KeyId));
  });

  test("isn't remembered as an absence: the next question asks again", async () => {
    watched.fail("users.loadRecord");
    await refusesUnavailable(view.findUser("api-1-demo"));
    watched.fail();
    assert.equal((await view.findUser("api-1-demo"))?.username, "api-1-demo");
  });

  test("right after a change of this process leaves no stale yes once it can be asked again", async () => {
    assert.equal((await view.findKey(KEY))?.status, "active");
    watched.fail("events.after");
    // The change is durable and the view doesn't know of it: whoever made it is told of the failure.
    await assert.rejects(changes.setKeyStanding(ACTOR, KEY, "deactivated"), UNCONFIRMED);
    watched.fail();
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });
});

describe("a reading of a change of this process that fails behind another's", () => {
  test("is made up for by the next poll", async () => {
    assert.equal((await view.findKey(KEY))?.status, "active");
    const other = await registry.connect();
    // Moves the marker and is no event: the poll's own reading ends after one question.
    await other.usage.record([{ keyId: KEY, lastUsedAtMs: 1, tokensByHour: new Map(), tokensByExpiry: new Map() }]);
    const hold = watched.holdNext("events.after");
    const polling = view.feed.poll();
    await hold.asked;
    const seqBefore = (await other.events.last()).seq;
    const changing = changes.setKeyStanding(ACTOR, KEY, "deactivated");
    while ((await other.events.last()).seq === seqBefore) await new Promise((resolve) => setImmediate(resolve));
    watched.fail("events.after");
    hold.release();
    await polling;
    await assert.rejects(changing, UNCONFIRMED);
    watched.fail();
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });
});

describe("an answer that was read before a change and arrives after it", () => {
  test("is neither kept nor given to a later request, for a name", async () => {
    const hold = watched.holdNext("users.loadRecord");
    const before = view.findUser("api-1-demo");
    await hold.asked;
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    assert.equal((await view.findUser("api-1-demo"))?.status, "deactivated");
    hold.release();
    assert.equal((await before)?.status, "active", "right for a request that began before the change");
    assert.equal((await view.findUser("api-1-demo"))?.status, "deactivated");
  });

  test("is neither kept nor given to a later request, for a key", async () => {
    const hold = watched.holdNext("users.loadRecordByKey");
    const before = view.findKey(KEY);
    await hold.asked;
    await changes.revokeKey(ACTOR, KEY);
    assert.equal((await view.findKey(KEY))?.status, "revoked");
    hold.release();
    assert.equal((await before)?.status, "active");
    assert.equal((await view.findKey(KEY))?.status, "revoked");
    assert.equal((await view.findUser("api-1-demo"))?.keys[0]?.status, "revoked");
  });

  test("isn't kept as an absence", async () => {
    const hold = watched.holdNext("users.loadRecord");
    const before = view.findUser("api-1-new");
    await hold.asked;
    await changes.createUser(ACTOR, { name: "new", account: "acme", access: "full" });
    hold.release();
    assert.equal(await before, undefined);
    assert.equal((await view.findUser("api-1-new"))?.username, "api-1-new");
  });

  test("isn't kept where the view went stale meanwhile", async () => {
    const hold = watched.holdNext("users.loadRecord");
    const before = view.findUser("api-1-demo");
    await hold.asked;
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    hold.release();
    await before;
    await view.feed.poll();
    assert.ok(!isRemembered("api-1-demo"));
  });
});

describe("catching up", () => {
  test("waits for a reading under way and then reads again, so that it never misses the caller's change", async () => {
    await view.findKey(KEY);
    const hold = watched.holdNext("events.after");
    const first = view.feed.catchUp();
    await hold.asked;
    const change = changes.setKeyStanding(ACTOR, KEY, "deactivated");
    let acknowledged = false;
    const watching = change.then(() => {
      acknowledged = true;
    });
    while ((await registry.store.keys.find(KEY))?.status !== "deactivated") await Promise.resolve();
    assert.equal(acknowledged, false);
    hold.release();
    await Promise.all([first, change, watching]);
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });

  test("reads after a failed reading as well", async () => {
    await view.findKey(KEY);
    watched.fail("events.after");
    const failed = view.feed.catchUp();
    await assert.rejects(failed, { message: "the store can't be reached" });
    watched.fail();
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });

  test("of many changes at once ends with all of them", async () => {
    await view.findUser("api-1-demo");
    await view.findUser("api-1-other");
    await Promise.all([
      changes.setUserStanding(ACTOR, "api-1-demo", "deactivated"),
      changes.setUserStanding(ACTOR, "api-1-other", "deactivated"),
      changes.setKeyStanding(ACTOR, KEY, "deactivated"),
    ]);
    assert.equal((await view.findUser("api-1-demo"))?.status, "deactivated");
    assert.equal((await view.findUser("api-1-other"))?.status, "deactivated");
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
  });
});

/** Resource servers of a store, changed by this process where the view is caught up, and by another where it isn't. */
function serversOf(store: Store, onChanged?: () => Promise<void>): ResourceServerChanges {
  return createResourceServerChanges(store, registry.clock, createSystemRandom(), onChanged);
}

const SHOP = 1 as ResourceServerId;

describe("a resource server in the view", () => {
  let servers: ResourceServerChanges;
  let shop: ResourceServer;
  beforeEach(async () => {
    servers = serversOf(registry.store, () => view.feed.catchUp());
    shop = (await servers.create(ACTOR, "shop")).server;
    watched.reset();
  });

  test("is asked for once and answered from memory, at once, after that; and so is one that there isn't", async () => {
    const asked = view.findResourceServer(SHOP);
    assert.ok(asked instanceof Promise);
    assert.deepEqual(await asked, shop);
    assert.deepEqual(view.findResourceServer(SHOP), shop);
    assert.equal(await view.findResourceServer(9 as ResourceServerId), undefined);
    assert.equal(view.findResourceServer(9 as ResourceServerId), undefined);
    assert.equal(watched.calls("resourceServers.load"), 2);
    const { hits, misses } = view.figures();
    assert.deepEqual([hits, misses], [2, 2]);
  });

  test("isn't asked for where that mustn't be, but is known if it is known", async () => {
    assert.equal(view.findResourceServer(SHOP, false), undefined);
    assert.equal(watched.calls("resourceServers.load"), 0);
    assert.deepEqual(await view.findResourceServer(SHOP), shop);
    assert.deepEqual(view.findResourceServer(SHOP, false), shop);
  });

  test("is asked for once by a stampede", async () => {
    const found = await Promise.all(Array.from({ length: 20 }, async () => view.findResourceServer(SHOP)));
    assert.equal(new Set(found).size, 1);
    assert.equal(watched.calls("resourceServers.load"), 1);
  });

  test("is as a change in this process left it before that is acknowledged", async () => {
    assert.equal(await view.findResourceServer(2 as ResourceServerId), undefined);
    await servers.create(ACTOR, "late");
    assert.equal((await view.findResourceServer(2 as ResourceServerId))?.name, "late");
    assert.equal((await view.findResourceServer(SHOP))?.status, "active");
    await servers.setStanding(ACTOR, "shop", "deactivated");
    assert.equal((await view.findResourceServer(SHOP))?.status, "deactivated");
    await servers.setStanding(ACTOR, "shop", "active");
    assert.equal((await view.findResourceServer(SHOP))?.status, "active");
    const { server } = await servers.rotate(ACTOR, "shop", 1000);
    assert.deepEqual(await view.findResourceServer(SHOP), server);
  });

  test("stays in memory when another one changes, or a user, a key or a token does", async () => {
    await servers.create(ACTOR, "other");
    await view.findResourceServer(SHOP);
    await servers.setStanding(ACTOR, "other", "deactivated");
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    assert.ok(!(view.findResourceServer(SHOP) instanceof Promise));
  });

  test("is asked for again after an event of another version, which may have changed it", async () => {
    await view.findResourceServer(SHOP);
    await registry.store.transaction((transaction) =>
      transaction.events.append({ atMs: 0, actor: ACTOR, action: "server.changed", subject: "server:7", details: {} }),
    );
    await view.feed.catchUp();
    assert.ok(view.findResourceServer(SHOP) instanceof Promise);
  });

  test("is as another process left it after the next poll", async () => {
    const other = serversOf(await registry.connect());
    await view.findResourceServer(SHOP);
    await other.setStanding(ACTOR, "shop", "deactivated");
    await view.feed.poll();
    assert.equal((await view.findResourceServer(SHOP))?.status, "deactivated");
  });

  test("is asked for anew, each time, by a view that isn't confirmed", async () => {
    await view.findResourceServer(SHOP);
    const other = serversOf(await registry.connect());
    await other.setStanding(ACTOR, "shop", "deactivated");
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX);
    assert.equal((await view.findResourceServer(SHOP))?.status, "active", "fresh at equality");
    registry.clock.advanceMonotonicMs(1);
    for (let count = 0; count < 2; count++) {
      const asked = view.findResourceServer(SHOP);
      assert.ok(asked instanceof Promise);
      assert.equal((await asked)?.status, "deactivated");
    }
  });

  test("is a refusal where the store has to be asked and can't be", async () => {
    watched.fail("resourceServers.load");
    await refusesUnavailable(view.findResourceServer(SHOP));
    watched.fail();
    assert.deepEqual(await view.findResourceServer(SHOP), shop);
  });

  test("isn't kept as it was read before a change", async () => {
    const hold = watched.holdNext("resourceServers.load");
    const before = view.findResourceServer(SHOP);
    await hold.asked;
    await servers.setStanding(ACTOR, "shop", "deactivated");
    assert.equal((await view.findResourceServer(SHOP))?.status, "deactivated");
    hold.release();
    await before;
    assert.equal((await view.findResourceServer(SHOP))?.status, "deactivated");
  });

  test("is never mistaken for a user whose name reads like a question for one", async () => {
    const token: TokenIdentity = { keyId: 1, nonce: 2, expiresAtSeconds: 3 };
    const names = ["resource server 1", "user api-1-demo", `token ${formatTokenId(token)}`, "1", "token 1-3-2"];
    // All at once, so that questions under way meet.
    const [users, server, key, user] = await Promise.all([
      Promise.all(names.map(async (name) => view.findUser(name))),
      view.findResourceServer(SHOP),
      view.findKey(KEY),
      view.findUser("api-1-demo"),
    ]);
    assert.deepEqual(users, [undefined, undefined, undefined, undefined, undefined]);
    assert.deepEqual(server, shop);
    assert.equal(key?.id, KEY);
    assert.equal(user?.username, "api-1-demo");
  });
});

describe("the deny-list in the view", () => {
  const NOW_SECONDS = 1_481_650_253;
  const TOKEN: TokenIdentity = { keyId: 1, nonce: 968_668_528, expiresAtSeconds: NOW_SECONDS + 3600 };

  /** Revokes tokens as `POST /oauth2/revoke` does, in the words of the store. */
  async function revoke(store: Store, ...tokens: readonly TokenIdentity[]): Promise<void> {
    await store.transaction(async (transaction) => {
      for (const token of tokens) {
        await transaction.revokedTokens.insert({ ...token, userId: 1 as ApiUserId });
        await transaction.events.append({
          atMs: 0,
          actor: "client:api-1-demo",
          action: "token.revoked",
          subject: `token:${formatTokenId(token)}`,
          details: { username: "api-1-demo", key_id: token.keyId },
        });
      }
    });
  }

  test("is there from the start, read in parts, and with what seems expired, since the clock may be wrong at a start", async () => {
    const tokens = Array.from({ length: 25 }, (_, nonce) => ({ ...TOKEN, nonce }));
    const kept = { ...TOKEN, nonce: 900, expiresAtSeconds: NOW_SECONDS - 600 };
    const gone = { ...TOKEN, nonce: 901, expiresAtSeconds: NOW_SECONDS - 601 };
    await revoke(registry.store, ...tokens, kept, gone);
    const inParts: Store = {
      ...watched.store,
      revokedTokens: {
        ...watched.store.revokedTokens,
        list: (from, behind, limit) => watched.store.revokedTokens.list(from, behind, Math.min(limit, 10)),
      },
    };
    const late = await openRegistryView(inParts, registry.clock);
    assert.equal(watched.calls("revokedTokens.list"), 4, "the last of which has nothing");
    assert.equal(late.figures().revokedTokens, 27);
    for (const token of [...tokens, kept, gone]) assert.equal(late.isTokenRevoked(token), true);
    assert.equal(late.isTokenRevoked({ ...TOKEN, nonce: 25 }), false);
  });

  test("has what is revoked while it is being read", async () => {
    const hold = watched.holdNext("revokedTokens.list");
    const opening = openRegistryView(watched.store, registry.clock);
    await hold.asked;
    await revoke(registry.store, TOKEN);
    hold.release();
    const late = await opening;
    await late.feed.catchUp();
    assert.equal(late.isTokenRevoked(TOKEN), true);
    const again = watched.holdNext("events.last");
    const reopening = openRegistryView(watched.store, registry.clock);
    await again.asked;
    await revoke(registry.store, { ...TOKEN, nonce: 1 });
    again.release();
    assert.equal((await reopening).isTokenRevoked({ ...TOKEN, nonce: 1 }), true);
  });

  test("answers at once, without the store, while the view is fresh", async () => {
    assert.equal(view.isTokenRevoked(TOKEN), false);
    await revoke(registry.store, TOKEN);
    assert.equal(view.isTokenRevoked(TOKEN), false, "not yet");
    await view.feed.catchUp();
    assert.equal(view.isTokenRevoked(TOKEN), true);
    assert.equal(view.isTokenRevoked({ ...TOKEN, nonce: TOKEN.nonce + 1 }), false);
    assert.equal(watched.calls("revokedTokens.has"), 0);
    assert.equal(view.figures().revokedTokens, 1);
  });

  test("hears of another process by polling", async () => {
    await revoke(await registry.connect(), TOKEN);
    await view.feed.poll();
    assert.equal(view.isTokenRevoked(TOKEN), true);
  });

  test("asks the store where the view isn't confirmed, but not for a yes that it knows", async () => {
    await revoke(registry.store, TOKEN);
    await view.feed.catchUp();
    const other = { ...TOKEN, nonce: 1 };
    await revoke(await registry.connect(), other);
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX);
    assert.equal(view.isTokenRevoked(other), false, "fresh at equality");
    registry.clock.advanceMonotonicMs(1);
    assert.equal(view.isTokenRevoked(TOKEN), true);
    assert.equal(watched.calls("revokedTokens.has"), 0);
    const asked = view.isTokenRevoked(other);
    assert.ok(asked instanceof Promise);
    assert.equal(await asked, true);
    assert.equal(await view.isTokenRevoked({ ...TOKEN, nonce: 2 }), false);
    assert.equal(watched.calls("revokedTokens.has"), 2);
    watched.fail("revokedTokens.has");
    await refusesUnavailable(view.isTokenRevoked(other));
    assert.equal(view.isTokenRevoked(TOKEN), true, "a yes needs nobody");
  });

  test("forgets what expired before a time, when it is told to", async () => {
    const tokens = [-1, 0, 1].map((offset) => ({ ...TOKEN, expiresAtSeconds: 1000 + offset }));
    await revoke(registry.store, ...tokens);
    await view.feed.catchUp();
    view.forgetExpiredTokens(1000);
    assert.deepEqual(
      tokens.map((token) => view.isTokenRevoked(token)),
      [false, true, true],
    );
  });

  test("takes an event of another version about a token for a revocation", async () => {
    await registry.store.transaction((transaction) =>
      transaction.events.append({
        atMs: 0,
        actor: ACTOR,
        action: "token.withdrawn",
        subject: `token:${formatTokenId(TOKEN)}`,
        details: {},
      }),
    );
    await view.feed.catchUp();
    assert.equal(view.isTokenRevoked(TOKEN), true);
  });

  test("passes over an event whose subject is no token's id, and goes on", async () => {
    await registry.store.transaction(async (transaction) => {
      for (const subject of ["token:", "token:1-2", "token", "token:a-b-c", "", ":", "key:", "resource_server:x"]) {
        await transaction.events.append({ atMs: 0, actor: ACTOR, action: "token.revoked", subject, details: {} });
      }
    });
    await revoke(registry.store, TOKEN);
    await view.feed.catchUp();
    assert.equal(view.isTokenRevoked(TOKEN), true);
    assert.equal(view.figures().revokedTokens, 1);
  });
});

describe("whoever subscribes to the view", () => {
  test("hears of every event once, in order, after the view has taken it in", async () => {
    const heard: FeedEvent[] = [];
    const statuses: unknown[] = [];
    await view.findKey(KEY);
    const start = view.feed.position();
    const unsubscribe = view.feed.subscribe({
      onEvents(events) {
        heard.push(...events);
        // What was in memory is gone: a question now asks the store.
        statuses.push(view.findKey(KEY) instanceof Promise, view.feed.position() === (events[0]?.seq ?? 0) - 1);
      },
      onReset: () => assert.fail("no event was lost"),
    });
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await changes.setKeyStanding(ACTOR, KEY, "active");
    assert.deepEqual(statuses, [true, true, true, true]);
    await registry.store.transaction(async (transaction) => {
      for (let count = 0; count < 1200; count++) {
        await transaction.events.append({ atMs: 0, actor: ACTOR, action: "key.added", subject: "key:9", details: {} });
      }
    });
    await view.feed.catchUp();
    await view.feed.catchUp();
    await view.feed.poll();
    assert.deepEqual(
      heard.map(({ seq }) => seq),
      Array.from({ length: 1202 }, (_, index) => start + 1 + index),
    );
    assert.equal(view.feed.position(), start + 1202);
    unsubscribe();
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal(heard.length, 1202);
  });

  test("hears the same as every other, and a position never is ahead of what was heard", async () => {
    const positions: number[][] = [[], []];
    for (const list of positions) {
      view.feed.subscribe({
        onEvents: (events) => list.push(...events.map(({ seq }) => seq)),
        onReset: () => assert.fail("no event was lost"),
      });
    }
    await Promise.all(
      ["active", "deactivated", "active"].map((standing) =>
        changes.setAccountStanding(ACTOR, "acme", standing as "active"),
      ),
    );
    assert.deepEqual(positions[0], positions[1]);
    assert.equal(positions[0]?.at(-1), view.feed.position());
  });
});

describe("how long ago the view was confirmed", () => {
  test("counts from the last reading or poll, in milliseconds", async () => {
    registry.clock.advanceMonotonicMs(700);
    assert.equal(view.feed.confirmedMsAgo(), 700);
    await view.feed.poll();
    assert.equal(view.feed.confirmedMsAgo(), 0);
    registry.clock.advanceMonotonicMs(300);
    watched.fail("changeMarker");
    await assert.rejects(view.feed.poll());
    assert.equal(view.feed.confirmedMsAgo(), 300);
    watched.fail();
    await view.feed.catchUp();
    assert.equal(view.feed.confirmedMsAgo(), 0);
  });
});
