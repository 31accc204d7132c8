/**
 * How the view reacts when the store has lost events that it had read, for example because a standby that was behind
 * took over.
 */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { formatTokenId, type TokenIdentity } from "../token/token-identity.ts";
import { createDemoUser, createRegistryChanges, type RegistryChanges } from "../../testing/test-changes.ts";
import type { ApiUserId } from "../users/model.ts";
import type { KeyId } from "../keys/model.ts";
import type { ResourceServerId } from "../resource-servers/model.ts";
import { createResourceServerChanges } from "../../testing/test-changes.ts";
import { openRegistryView, type RegistryView } from "./view.ts";

const ACTOR = "test";
const KEY = 1 as KeyId;
const TOKEN: TokenIdentity = { keyId: KEY, nonce: 7, expiresAtSeconds: 1_481_653_854 };

let registry: TestRegistry;
let watched: WatchedStore;
let view: RegistryView;
let changes: RegistryChanges;
/** What a listener of the view heard: numbers of events, and resets. */
let heard: (number | string)[];
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  watched = watchStore(registry.store);
  await createDemoUser(registry.changes);
  view = await openRegistryView(watched.store, registry.clock);
  changes = createRegistryChanges(registry.store, registry.clock, () => view.feed.catchUp());
  heard = [];
  view.feed.subscribe({
    onEvents: (events) => heard.push(...events.map(({ seq }) => seq)),
    onReset: ({ seq }) => heard.push(`reset at ${seq}`),
  });
  assert.equal(view.feed.position(), 3);
});
after(async () => {
  for (const each of opened) await each.close();
});

const rewrite = (sql: string) => registry.rewrite(sql);

const FORGET = (fromSeq: number) => `delete from audit_events where seq >= ${fromSeq};`;

async function revoke(token: TokenIdentity): Promise<void> {
  await registry.store.transaction(async (transaction) => {
    await transaction.revokedTokens.insert({ ...token, userId: 1 as ApiUserId });
    const subject = `token:${formatTokenId(token)}`;
    const details = { username: "api-1-demo", key_id: token.keyId };
    await transaction.events.append({ atMs: 0, actor: ACTOR, action: "token.revoked", subject, details });
  });
  await view.feed.catchUp();
}

async function otherProcess(): Promise<RegistryChanges> {
  return createRegistryChanges(await registry.connect(), registry.clock);
}

describe("a store that has lost the last events", () => {
  test("is followed from then on: what the lost ones reported is forgotten, and listeners hear of it once", async () => {
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
    rewrite(`${FORGET(4)} update public_keys set status = 'active'; update api_users set status = 'active';`);
    await view.feed.poll();
    assert.equal(view.feed.position(), 3);
    const key = await view.findKey(KEY);
    assert.deepEqual([key?.status, key?.user.status], ["active", "active"]);
    assert.deepEqual(heard, [4, 5, "reset at 3"]);
    await view.feed.poll();
    await view.feed.catchUp();
    assert.deepEqual(heard, [4, 5, "reset at 3"]);
    assert.equal(view.feed.confirmedMsAgo(), 0);
  });

  test("may reuse the lost ones' numbers for new events, and each of these is heard", async () => {
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    await changes.setUserStanding(ACTOR, "api-1-demo", "active");
    rewrite(FORGET(4));
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "active");
    await (await otherProcess()).setKeyStanding(ACTOR, KEY, "deactivated");
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
    assert.deepEqual(heard, [4, 5, "reset at 3", 4]);
  });

  test("and all others is treated as a new store, which the view follows", async () => {
    rewrite("delete from audit_events");
    await view.feed.poll();
    assert.equal(view.feed.position(), 0);
    await (await otherProcess()).setKeyStanding(ACTOR, KEY, "deactivated");
    await view.feed.poll();
    assert.deepEqual(heard, ["reset at 0", 1]);
  });

  test("still has a change of this same process heard", async () => {
    await changes.setUserStanding(ACTOR, "api-1-demo", "deactivated");
    await changes.setUserStanding(ACTOR, "api-1-demo", "active");
    rewrite(FORGET(4));
    await view.findKey(KEY);
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
    assert.equal(view.feed.position(), 4);
    assert.deepEqual(heard, [4, 5, "reset at 4"]);
  });
});

describe("a store whose history is another one", () => {
  test("of the same length is detected by the last event's hash", async () => {
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    assert.equal((await view.findKey(KEY))?.status, "deactivated");
    rewrite(`${FORGET(4)} update public_keys set status = 'active';`);
    await (await otherProcess()).setUserStanding(ACTOR, "api-1-demo", "deactivated");
    assert.equal((await registry.store.events.last()).seq, view.feed.position());
    await view.feed.poll();
    const key = await view.findKey(KEY);
    assert.deepEqual([key?.status, key?.user.status], ["active", "deactivated"]);
    assert.deepEqual(heard, [4, "reset at 4"]);
  });

  test("that has grown longer meanwhile is detected too", async () => {
    await changes.setKeyStanding(ACTOR, KEY, "deactivated");
    await view.findKey(KEY);
    rewrite(`${FORGET(4)} update public_keys set status = 'active';`);
    const other = await otherProcess();
    for (let count = 0; count < 3; count++) await other.createAccount(ACTOR, { shortname: `a${count}` });
    await view.feed.poll();
    assert.equal((await view.findKey(KEY))?.status, "active");
    assert.equal(view.feed.position(), 6);
    assert.deepEqual(heard, [4, "reset at 6"]);
  });

  test("in older events only isn't detected here, but by the verification of the chain", async () => {
    rewrite("update audit_events set actor = 'somebody else' where seq = 1");
    await view.feed.poll();
    assert.deepEqual(heard, []);
  });
});

describe("a view that is reset", () => {
  test("keeps the revocations that it knows, and reads those of the store", async () => {
    await revoke(TOKEN);
    assert.equal(view.isTokenRevoked(TOKEN), true);
    const unheard = { ...TOKEN, nonce: 8 };
    rewrite(
      `${FORGET(4)} delete from revoked_tokens; insert into revoked_tokens (user_id, key_id, nonce, expires_at_s)
       values (1, ${unheard.keyId}, ${unheard.nonce}, ${unheard.expiresAtSeconds})`,
    );
    await view.feed.poll();
    assert.deepEqual(heard, [4, "reset at 3"]);
    assert.equal(view.isTokenRevoked(TOKEN), true, "once revoked, always revoked");
    assert.equal(view.isTokenRevoked(unheard), true);
    assert.equal(view.isTokenRevoked({ ...TOKEN, nonce: 9 }), false);
  });

  test("forgets absences and resource servers", async () => {
    const servers = createResourceServerChanges(registry.store, registry.clock, createSystemRandom());
    const { server } = await servers.create(ACTOR, "shop");
    await view.feed.catchUp();
    assert.equal(await view.findUser("api-1-nobody"), undefined);
    assert.equal(await view.findKey(9 as KeyId), undefined);
    assert.equal((await view.findResourceServer(server.id))?.name, "shop");
    assert.equal(await view.findResourceServer(9 as ResourceServerId), undefined);
    rewrite(
      `${FORGET(4)} update resource_servers set name = 'other';
       update api_users set username = 'api-1-nobody'; update public_keys set id = 9;`,
    );
    await view.feed.poll();
    assert.equal((await view.findUser("api-1-nobody"))?.id, 1);
    assert.equal((await view.findKey(9 as KeyId))?.user.username, "api-1-nobody");
    assert.equal((await view.findResourceServer(server.id))?.name, "other");
    assert.equal(view.figures().users, 1);
  });

  test("doesn't cache an answer to a read that began before", async () => {
    const delayed = watched.delayNext("users.loadRecordByKey");
    await changes.setAccountStanding(ACTOR, "acme", "deactivated");
    const before = view.findKey(KEY);
    await delayed.asked;
    rewrite(`${FORGET(4)} update accounts set status = 'active';`);
    await view.feed.poll();
    delayed.release();
    assert.equal((await before)?.user.accountStatus, "deactivated");
    assert.equal((await view.findKey(KEY))?.user.accountStatus, "active");
  });

  for (const method of ["events.last", "revokedTokens.list"] as const) {
    test(`and fails in the middle of it (${method}) is reset again, for every listener`, async () => {
      await changes.setKeyStanding(ACTOR, KEY, "deactivated");
      const unheard = { ...TOKEN, nonce: 8 };
      rewrite(
        `${FORGET(4)} insert into revoked_tokens (user_id, key_id, nonce, expires_at_s)
         values (1, ${unheard.keyId}, ${unheard.nonce}, ${unheard.expiresAtSeconds})`,
      );
      registry.clock.advanceMonotonicMs(1000);
      watched.fail(method);
      await assert.rejects(view.feed.poll(), { message: "the store can't be reached" });
      assert.deepEqual(heard, [4]);
      assert.equal(view.feed.confirmedMsAgo(), 1000, "that doesn't confirm the feed");
      watched.fail();
      await view.feed.poll();
      assert.deepEqual(heard, [4, "reset at 3"]);
      assert.equal(view.isTokenRevoked(unheard), true);
      assert.equal(view.feed.confirmedMsAgo(), 0);
    });
  }
});
