import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { refusesUnreachable, type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { type FeedFollower, followFeed, STALENESS_MS_MAX } from "../feed/follow-feed.ts";
import type { KeyId } from "../keys/model.ts";
import { createDemoUser, createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import type { Store } from "../store/store.ts";
import { createResourceServerCache, type ResourceServerCache } from "./cache.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "../../testing/test-changes.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";

const ACTOR = "test";
const KEY = 1 as KeyId;
const SHOP = 1 as ResourceServerId;

let registry: TestRegistry;
let watched: WatchedStore;
let feed: FeedFollower;
let cache: ResourceServerCache;
let changes: RegistryChanges;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  watched = watchStore(registry.store);
  feed = await followFeed(watched.store, registry.clock);
  cache = createResourceServerCache(watched.store, feed);
  changes = createRegistryChanges(registry.store, registry.clock, () => feed.catchUp());
  await createDemoUser(changes);
});
after(async () => {
  for (const each of opened) await each.close();
});

const refusesUnavailable = (answer: unknown) => refusesUnreachable(answer, "The registry can't be read right now.");

/**
 * Resource servers of a store, changed by this process if the feed is caught up afterwards, otherwise by another
 * process.
 */
function serversOf(store: Store, onChanged?: () => Promise<void>): ResourceServerChanges {
  return createResourceServerChanges(store, registry.clock, createSystemRandom(), onChanged);
}

describe("a resource server in the cache", () => {
  let servers: ResourceServerChanges;
  let shop: ResourceServer;
  beforeEach(async () => {
    servers = serversOf(registry.store, () => feed.catchUp());
    shop = (await servers.create(ACTOR, "shop")).server;
    watched.reset();
  });

  test("is read once and then answered from memory, synchronously; so is one that doesn't exist", async () => {
    const asked = cache.findResourceServer(SHOP);
    assert.ok(asked instanceof Promise);
    assert.deepEqual(await asked, shop);
    assert.deepEqual(cache.findResourceServer(SHOP), shop);
    assert.equal(await cache.findResourceServer(9 as ResourceServerId), undefined);
    assert.equal(cache.findResourceServer(9 as ResourceServerId), undefined);
    assert.equal(watched.calls("resourceServers.load"), 2);
    const { hits, misses } = cache.figures();
    assert.deepEqual([hits, misses], [2, 2]);
  });

  test("isn't read where only memory may be used, but is answered if it is cached", async () => {
    assert.equal(cache.findResourceServer(SHOP, false), undefined);
    assert.equal(watched.calls("resourceServers.load"), 0);
    assert.deepEqual(await cache.findResourceServer(SHOP), shop);
    assert.deepEqual(cache.findResourceServer(SHOP, false), shop);
  });

  test("is read once for many requests at once", async () => {
    const found = await Promise.all(Array.from({ length: 20 }, async () => cache.findResourceServer(SHOP)));
    assert.equal(new Set(found).size, 1);
    assert.equal(watched.calls("resourceServers.load"), 1);
  });

  test("reflects a change of this process before that is acknowledged", async () => {
    assert.equal(await cache.findResourceServer(2 as ResourceServerId), undefined);
    await servers.create(ACTOR, "late");
    assert.equal((await cache.findResourceServer(2 as ResourceServerId))?.name, "late");
    assert.equal((await cache.findResourceServer(SHOP))?.status, "active");
    await servers.setStanding(ACTOR, "shop", "deactivated");
    assert.equal((await cache.findResourceServer(SHOP))?.status, "deactivated");
    await servers.setStanding(ACTOR, "shop", "active");
    assert.equal((await cache.findResourceServer(SHOP))?.status, "active");
    const { server } = await servers.rotate(ACTOR, "shop", 1000);
    assert.deepEqual(await cache.findResourceServer(SHOP), server);
  });

  test("stays in memory when another one changes, or a user, a key or a token", async () => {
    await servers.create(ACTOR, "other");
    await cache.findResourceServer(SHOP);
    await servers.setStanding(ACTOR, "other", "deactivated");
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    assert.ok(!(cache.findResourceServer(SHOP) instanceof Promise));
  });

  test("is read again after an event of another release, which may have changed it", async () => {
    await cache.findResourceServer(SHOP);
    await registry.store.transaction((transaction) =>
      transaction.events.append({ atMs: 0, actor: ACTOR, action: "server.changed", subject: "server:7", details: {} }),
    );
    await feed.catchUp();
    assert.ok(cache.findResourceServer(SHOP) instanceof Promise);
  });

  test("reflects a change of another process after the next poll", async () => {
    const other = serversOf(await registry.connect());
    await cache.findResourceServer(SHOP);
    await other.setStanding(ACTOR, "shop", "deactivated");
    await feed.poll();
    assert.equal((await cache.findResourceServer(SHOP))?.status, "deactivated");
  });

  test("is read for each request while the feed isn't confirmed", async () => {
    await cache.findResourceServer(SHOP);
    const other = serversOf(await registry.connect());
    await other.setStanding(ACTOR, "shop", "deactivated");
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX);
    assert.equal((await cache.findResourceServer(SHOP))?.status, "active", "fresh at equality");
    registry.clock.advanceMonotonicMs(1);
    for (let count = 0; count < 2; count++) {
      const asked = cache.findResourceServer(SHOP);
      assert.ok(asked instanceof Promise);
      assert.equal((await asked)?.status, "deactivated");
    }
  });

  test("is refused as unavailable where the store has to be read and can't be", async () => {
    watched.fail("resourceServers.load");
    await refusesUnavailable(cache.findResourceServer(SHOP));
    watched.fail();
    assert.deepEqual(await cache.findResourceServer(SHOP), shop);
  });

  test("isn't cached as it was read before a change", async () => {
    const delayed = watched.delayNext("resourceServers.load");
    const before = cache.findResourceServer(SHOP);
    await delayed.asked;
    await servers.setStanding(ACTOR, "shop", "deactivated");
    assert.equal((await cache.findResourceServer(SHOP))?.status, "deactivated");
    delayed.release();
    await before;
    assert.equal((await cache.findResourceServer(SHOP))?.status, "deactivated");
  });
});
