import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import type { KeyId } from "../keys/model.ts";
import { createDemoUser, createRegistryChanges } from "../../testing/test-changes.ts";
import { createResourceServerChanges } from "../../testing/test-changes.ts";
import type { ResourceServer, ResourceServerId } from "../resource-servers/model.ts";
import { formatTokenId, type TokenIdentity } from "../token/token-identity.ts";
import { openRegistryView, type RegistryView } from "./view.ts";

const ACTOR = "test";
const KEY = 1 as KeyId;
const SHOP = 1 as ResourceServerId;

let registry: TestRegistry;
let view: RegistryView;
let shop: ResourceServer;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  await createDemoUser(registry.changes);
  shop = (await createResourceServerChanges(registry.store, registry.clock, createSystemRandom()).create(ACTOR, "shop"))
    .server;
  view = await openRegistryView(registry.store, registry.clock);
});
after(async () => {
  for (const each of opened) await each.close();
});

describe("the view", () => {
  test("counts hits and misses of users, keys, resource servers and tokens together", async () => {
    for (let count = 0; count < 2; count++) {
      await view.findUser("api-1-demo");
      await view.findResourceServer(SHOP);
    }
    await view.findKey(KEY);
    const figures = { hits: 3, misses: 2, users: 1, revokedTokens: 0 };
    assert.deepEqual(view.figures(), figures);
    registry.clock.advanceMonotonicMs(5001);
    await view.isTokenRevoked({ keyId: 1, nonce: 2, expiresAtSeconds: 3 });
    assert.deepEqual(view.figures(), { ...figures, misses: 3 });
  });

  test("has evicted what an event touches before a later listener of its feed hears of the event", async () => {
    await view.findKey(KEY);
    let isEvicted = false;
    view.feed.subscribe({
      onEvents: () => (isEvicted = view.findKey(KEY) instanceof Promise),
      onReset: () => assert.fail("no event was lost"),
    });
    const changes = createRegistryChanges(registry.store, registry.clock, () => view.feed.catchUp());
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal(isEvicted, true);
  });

  test("is never mistaken for a user whose name looks like the key of a pending read", async () => {
    const token: TokenIdentity = { keyId: 1, nonce: 2, expiresAtSeconds: 3 };
    const names = ["resource server 1", "user api-1-demo", `token ${formatTokenId(token)}`, "1", "token 1-3-2"];
    // All at once, so that pending reads overlap.
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
