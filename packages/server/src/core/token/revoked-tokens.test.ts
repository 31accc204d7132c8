import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { createDemoUser } from "../../testing/test-changes.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { refusesUnreachable, type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { type FeedFollower, followFeed, STALENESS_MS_MAX } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import type { ApiUserId } from "../users/model.ts";
import { openRevokedTokens, type RevokedTokens } from "./revoked-tokens.ts";
import { formatTokenId, type TokenIdentity } from "./token-identity.ts";

const ACTOR = "test";

let registry: TestRegistry;
let watched: WatchedStore;
let feed: FeedFollower;
let revoked: RevokedTokens;
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  await createDemoUser(registry.changes);
  watched = watchStore(registry.store);
  feed = await followFeed(watched.store, registry.clock);
  revoked = await openRevokedTokens(watched.store, feed);
  watched.reset();
});
after(async () => {
  for (const each of opened) await each.close();
});

const refusesUnavailable = (answer: unknown) => refusesUnreachable(answer, "The registry can't be read right now.");

describe("revoked tokens", () => {
  const NOW_SECONDS = 1_481_650_253;
  const TOKEN: TokenIdentity = { keyId: 1, nonce: 968_668_528, expiresAtSeconds: NOW_SECONDS + 3600 };

  /** Revokes tokens as `POST /oauth2/revoke` does, directly in the store. */
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

  test("is complete from the start, read in parts, with tokens that seem expired, since the clock may be wrong at a start", async () => {
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
    const late = await openRevokedTokens(inParts, feed);
    assert.equal(watched.calls("revokedTokens.list"), 4, "the last part is empty");
    assert.equal(late.figures().revokedTokens, 27);
    for (const token of [...tokens, kept, gone]) assert.equal(late.isTokenRevoked(token), true);
    assert.equal(late.isTokenRevoked({ ...TOKEN, nonce: 25 }), false);
  });

  test("includes what is revoked while it is being read", async () => {
    const delayed = watched.delayNext("revokedTokens.list");
    const opening = openRevokedTokens(watched.store, feed);
    await delayed.asked;
    await revoke(registry.store, TOKEN);
    delayed.release();
    const late = await opening;
    await feed.catchUp();
    assert.equal(late.isTokenRevoked(TOKEN), true);
    const again = watched.delayNext("events.last");
    const reopening = followFeed(watched.store, registry.clock);
    await again.asked;
    await revoke(registry.store, { ...TOKEN, nonce: 1 });
    again.release();
    const lateTokens = await openRevokedTokens(watched.store, await reopening);
    assert.equal(lateTokens.isTokenRevoked({ ...TOKEN, nonce: 1 }), true);
  });

  test("answers synchronously, without the store, while the feed is fresh", async () => {
    assert.equal(revoked.isTokenRevoked(TOKEN), false);
    await revoke(registry.store, TOKEN);
    assert.equal(revoked.isTokenRevoked(TOKEN), false, "not yet");
    await feed.catchUp();
    assert.equal(revoked.isTokenRevoked(TOKEN), true);
    assert.equal(revoked.isTokenRevoked({ ...TOKEN, nonce: TOKEN.nonce + 1 }), false);
    assert.equal(watched.calls("revokedTokens.has"), 0);
    assert.equal(revoked.figures().revokedTokens, 1);
  });

  test("learns of another process's revocations by polling", async () => {
    await revoke(await registry.connect(), TOKEN);
    await feed.poll();
    assert.equal(revoked.isTokenRevoked(TOKEN), true);
  });

  test("reads the store while the feed isn't confirmed, except for a token that it knows to be revoked", async () => {
    await revoke(registry.store, TOKEN);
    await feed.catchUp();
    const other = { ...TOKEN, nonce: 1 };
    await revoke(await registry.connect(), other);
    registry.clock.advanceMonotonicMs(STALENESS_MS_MAX);
    assert.equal(revoked.isTokenRevoked(other), false, "fresh at equality");
    registry.clock.advanceMonotonicMs(1);
    assert.equal(revoked.isTokenRevoked(TOKEN), true);
    assert.equal(watched.calls("revokedTokens.has"), 0);
    const asked = revoked.isTokenRevoked(other);
    assert.ok(asked instanceof Promise);
    assert.equal(await asked, true);
    assert.equal(await revoked.isTokenRevoked({ ...TOKEN, nonce: 2 }), false);
    assert.equal(watched.calls("revokedTokens.has"), 2);
    watched.fail("revokedTokens.has");
    await refusesUnavailable(revoked.isTokenRevoked(other));
    assert.equal(revoked.isTokenRevoked(TOKEN), true, "a known revocation needs no store");
  });

  test("forgets what expired before a given time on request", async () => {
    const tokens = [-1, 0, 1].map((offset) => ({ ...TOKEN, expiresAtSeconds: 1000 + offset }));
    await revoke(registry.store, ...tokens);
    await feed.catchUp();
    revoked.forgetExpiredTokens(1000);
    assert.deepEqual(
      tokens.map((token) => revoked.isTokenRevoked(token)),
      [false, true, true],
    );
  });

  test("treats an event of another release about a token as a revocation", async () => {
    await registry.store.transaction((transaction) =>
      transaction.events.append({
        atMs: 0,
        actor: ACTOR,
        action: "token.withdrawn",
        subject: `token:${formatTokenId(TOKEN)}`,
        details: {},
      }),
    );
    await feed.catchUp();
    assert.equal(revoked.isTokenRevoked(TOKEN), true);
  });

  test("skips an event whose subject isn't a token's id, and continues", async () => {
    await registry.store.transaction(async (transaction) => {
      for (const subject of ["token:", "token:1-2", "token", "token:a-b-c", "", ":", "key:", "resource_server:x"]) {
        await transaction.events.append({ atMs: 0, actor: ACTOR, action: "token.revoked", subject, details: {} });
      }
    });
    await revoke(registry.store, TOKEN);
    await feed.catchUp();
    assert.equal(revoked.isTokenRevoked(TOKEN), true);
    assert.equal(revoked.figures().revokedTokens, 1);
  });

  test("reads the store before it says not revoked after the machine has slept, when the monotonic clock stood still", async () => {
    assert.equal(revoked.isTokenRevoked(TOKEN), false);
    registry.clock.setMicroseconds(registry.clock.nowMicroseconds() + 10_000_000);
    assert.ok(revoked.isTokenRevoked(TOKEN) instanceof Promise);
  });
});
