import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import { type FeedFollower, followFeed, STALENESS_MS_MAX } from "./follow-feed.ts";

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
});
after(async () => {
  for (const each of opened) await each.close();
});

/** A listener that notes what it hears, and fails while it is told to. */
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

  test("keeps no other listener from hearing, whichever comes first", async () => {
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

  test("when the store has lost events is reset again, and the feed isn't confirmed before", async () => {
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
  test("is waited for before any listener is reset; where it can't read, all are reset later", async () => {
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
