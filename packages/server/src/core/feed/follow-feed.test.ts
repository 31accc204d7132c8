import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import { type FeedEvent, type FeedFollower, followFeed, STALENESS_MS_MAX } from "./follow-feed.ts";

const ACTOR = "test";

let registry: TestRegistry;
let watched: WatchedStore;
let feed: FeedFollower;
/** Changes of this process. */
let changes: RegistryChanges;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  watched = watchStore(registry.store);
  await registry.changes.createAccount(ACTOR, { shortname: "acme" });
  feed = await followFeed(watched.store, registry.clock);
  changes = createRegistryChanges(registry.store, registry.clock, () => feed.catchUp());
  watched.reset();
});
after(async () => {
  for (const each of opened) await each.close();
});

/** Moves the wall clock alone, as after a sleep of the machine or a change of its time. */
function moveWallMs(milliseconds: number): void {
  registry.clock.setMicroseconds(registry.clock.nowMicroseconds() + milliseconds * 1000);
}

/** A listener that records what it hears, and fails while the test wants it to. */
function listen() {
  const listener = { heard: [] as (number | string)[], isFailing: false };
  feed.subscribe({
    onEvents(events) {
      listener.heard.push(...events.map(({ seq }) => seq));
      if (listener.isFailing) throw new Error("no");
    },
    onReset({ seq }) {
      listener.heard.push(`reset at ${seq}`);
      if (listener.isFailing) throw new Error("no");
    },
  });
  return listener;
}

describe("a listener that fails", () => {
  test("unconfirms the feed at once, and the change isn't acknowledged", async () => {
    const listener = listen();
    listener.isFailing = true;
    await assert.rejects(changes.createAccount(ACTOR, { shortname: "beta" }), { code: "unavailable" });
    assert.equal(feed.isFresh(), false);
    assert.equal(feed.confirmedMsAgo(), Number.POSITIVE_INFINITY);
    await assert.rejects(feed.poll(), { message: "a listener of the change feed failed" });
    assert.equal(feed.isFresh(), false);
  });

  test("doesn't keep another listener from hearing, whichever comes first", async () => {
    const before = listen();
    const failing = listen();
    const behind = listen();
    failing.isFailing = true;
    await assert.rejects(feed.catchUp().then(() => changes.createAccount(ACTOR, { shortname: "beta" })));
    assert.deepEqual([before.heard, behind.heard], [[2], [2]]);
  });

  test("gets the same events again, as do the others, before the feed moves on", async () => {
    const listener = listen();
    const other = listen();
    listener.isFailing = true;
    await assert.rejects(changes.createAccount(ACTOR, { shortname: "beta" }));
    assert.equal(feed.position(), 1);
    await assert.rejects(changes.createAccount(ACTOR, { shortname: "gamma" }));
    assert.equal(feed.position(), 1);
    listener.isFailing = false;
    await feed.poll();
    assert.deepEqual(listener.heard, [2, 2, 3, 2, 3]);
    assert.deepEqual(other.heard, listener.heard);
    assert.equal(feed.position(), 3);
    assert.equal(feed.isFresh(), true);
    await feed.poll();
    assert.equal(other.heard.length, 5);
  });

  test("after the store has lost events is reset again, and the feed isn't confirmed until then", async () => {
    await changes.createAccount(ACTOR, { shortname: "beta" });
    const listener = listen();
    const other = listen();
    registry.rewrite("delete from audit_events where seq >= 2");
    listener.isFailing = true;
    await assert.rejects(feed.poll());
    assert.deepEqual([feed.isFresh(), feed.position()], [false, 2]);
    listener.isFailing = false;
    await feed.poll();
    assert.deepEqual(listener.heard, ["reset at 1", "reset at 1"]);
    assert.deepEqual(other.heard, listener.heard);
    assert.deepEqual([feed.isFresh(), feed.position()], [true, 1]);
  });
});

describe("a listener that reads the store for a reset", () => {
  test("is awaited before any listener is reset; if it can't read, all are reset later", async () => {
    await changes.createAccount(ACTOR, { shortname: "beta" });
    const other = listen();
    let canRead = false;
    feed.subscribe({
      onEvents: () => undefined,
      prepareReset: () => (canRead ? Promise.resolve() : Promise.reject(new Error("unread"))),
      onReset: () => other.heard.push("after"),
    });
    registry.rewrite("delete from audit_events where seq >= 2");
    await assert.rejects(feed.poll(), { message: "unread" });
    assert.deepEqual(other.heard, []);
    assert.equal(feed.position(), 2);
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
    assert.equal(feed.isFresh(), false);
    canRead = true;
    await feed.poll();
    assert.deepEqual(other.heard, ["reset at 1", "after"]);
    assert.equal(feed.isFresh(), true);
  });
});

describe("a listener", () => {
  test("hears of every event once, in order, before the feed's position includes it", async () => {
    const heard: FeedEvent[] = [];
    const positions: boolean[] = [];
    const start = feed.position();
    const unsubscribe = feed.subscribe({
      onEvents(events) {
        heard.push(...events);
        positions.push(feed.position() === (events[0]?.seq ?? 0) - 1);
      },
      onReset: () => assert.fail("no event was lost"),
    });
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    await changes.setAccountStanding(ACTOR, "acme", "active");
    assert.deepEqual(positions, [true, true]);
    await registry.store.transaction(async (transaction) => {
      for (let count = 0; count < 1200; count++) {
        await transaction.events.append({ atMs: 0, actor: ACTOR, action: "key.added", subject: "key:9", details: {} });
      }
    });
    await feed.catchUp();
    await feed.catchUp();
    await feed.poll();
    assert.deepEqual(
      heard.map(({ seq }) => seq),
      Array.from({ length: 1202 }, (_, index) => start + 1 + index),
    );
    assert.equal(feed.position(), start + 1202);
    unsubscribe();
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    assert.equal(heard.length, 1202);
  });

  test("hears the same as every other, and the position is never ahead of what was heard", async () => {
    const positions: number[][] = [[], []];
    for (const list of positions) {
      feed.subscribe({
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
    assert.equal(positions[0]?.at(-1), feed.position());
  });
});

describe("a poll", () => {
  test("reads nothing but the marker while no other process has changed anything", async () => {
    const other = createRegistryChanges(await registry.connect(), registry.clock);
    await feed.poll();
    watched.reset();
    for (let count = 0; count < 5; count++) await feed.poll();
    assert.equal(watched.calls("events.after"), 0);
    assert.equal(watched.calls("changeMarker"), 5);
    await other.setAccountStanding(ACTOR, "acme", "deactivated");
    await feed.poll();
    assert.ok(watched.calls("events.after") > 0);
  });
});

describe("the feed's freshness", () => {
  test("counts from when the confirmation began, not from when it ended", async () => {
    for (const method of ["changeMarker", "events.after"] as const) {
      const delayed = watched.delayNext(method);
      const confirming = method === "changeMarker" ? feed.poll() : feed.catchUp();
      await delayed.asked;
      registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);
      delayed.release();
      await confirming;
      assert.equal(feed.isFresh(), false, method);
      await feed.poll();
      assert.equal(feed.isFresh(), true);
    }
  });

  test("isn't confirmed by an answer that the store gave before a sleep and that arrived after it", async () => {
    for (const method of ["changeMarker", "events.after"] as const) {
      const delayed = watched.delayNext(method);
      const confirming = method === "changeMarker" ? feed.poll() : feed.catchUp();
      await delayed.asked;
      moveWallMs(STALENESS_MS_MAX + 1);
      delayed.release();
      await confirming;
      assert.equal(feed.isFresh(), false, method);
      await feed.poll();
      assert.equal(feed.isFresh(), true);
    }
  });

  test("stays confirmed when the wall clock is set back, for as long as the monotonic clock says", () => {
    moveWallMs(-3_600_000);
    assert.equal(feed.isFresh(), true);
    registry.clock.advanceSeconds(STALENESS_MS_MAX / 1000);
    assert.equal(feed.isFresh(), true);
    registry.clock.advanceMonotonicMs(1);
    assert.equal(feed.isFresh(), false);
  });

  test("is confirmed again by the next poll after the wall clock was set ahead", async () => {
    moveWallMs(3_600_000);
    assert.equal(feed.isFresh(), false);
    await feed.poll();
    assert.equal(feed.isFresh(), true);
  });
});

describe("how long ago the feed was confirmed", () => {
  test("counts from the last reading or poll, in milliseconds", async () => {
    registry.clock.advanceMonotonicMs(700);
    assert.equal(feed.confirmedMsAgo(), 700);
    await feed.poll();
    assert.equal(feed.confirmedMsAgo(), 0);
    registry.clock.advanceMonotonicMs(300);
    watched.fail("changeMarker");
    await assert.rejects(feed.poll());
    assert.equal(feed.confirmedMsAgo(), 300);
    watched.fail();
    await feed.catchUp();
    assert.equal(feed.confirmedMsAgo(), 0);
  });
});
