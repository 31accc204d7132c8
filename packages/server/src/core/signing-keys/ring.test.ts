import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { storeSigningKeys, TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { refusesUnreachable, type WatchedStore, watchStore } from "../../testing/watched-store.ts";
import { createCheckToken } from "../check.ts";
import { createSigningKeyChanges, type SigningKeyChanges } from "../../testing/test-changes.ts";
import { STALENESS_MS_MAX } from "../feed/follow-feed.ts";
import { openRegistryView, type RegistryView } from "../view/view.ts";
import { mintToken } from "../token/mint-token.ts";
import { openSigningKeyRing, type SigningKeyRing } from "./ring.ts";
import { masterSecretFingerprint } from "./signing-keys.ts";

const ACTOR = "test";
const OTHER_SECRET = Buffer.alloc(32, 9);

let registry: TestRegistry;
let watched: WatchedStore;
let view: RegistryView;
let ring: SigningKeyRing;
let storeId: string;
/** Numbers of keys whose secret was reported missing. */
let missing: number[];
/** Changes that another process makes. */
let elsewhere: SigningKeyChanges;
const opened: TestRegistry[] = [];

const reads = () => watched.calls("signingKeys.list");
const openRing = (secrets: readonly Buffer[] = [TEST_MASTER_SECRET]) =>
  openSigningKeyRing(watched.store, view.feed, registry.clock, secrets, (number) => missing.push(number));

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  watched = watchStore(registry.store);
  await registry.changes.ensureSigningKey("system", TEST_MASTER_SECRET);
  view = await openRegistryView(watched.store, registry.clock);
  elsewhere = createSigningKeyChanges(await registry.connect(), registry.clock);
  missing = [];
  ring = await openRing();
  storeId = await registry.store.storeId();
  watched.reset();
});
after(async () => {
  for (const each of opened) await each.close();
});

/** Catches up, as the server does after its own changes and by polling. */
async function hear(): Promise<void> {
  await view.feed.catchUp();
  await ring.settled();
}

const makeUnconfirmed = () => registry.clock.advanceMonotonicMs(STALENESS_MS_MAX + 1);

const refusesUnavailable = (answer: unknown) => refusesUnreachable(answer, "The signing keys can't be read right now.");

/** A token under the first signing key. Its user needn't exist: only its signature is checked here. */
const tokenOf = (number: number) =>
  mintToken(storeSigningKeys(storeId, number), { nonce: 1, userId: 1, expiresAtSeconds: 0xffff_ffff, keyId: 1 });

describe("the signing keys", () => {
  test("are the store's, and are answered synchronously without reading it", () => {
    assert.equal(ring.currentNumber, 1);
    assert.deepEqual(ring.numbers(), [1]);
    assert.equal(ring.mac(1, "text"), storeSigningKeys(storeId, 1).mac(1, "text"));
    assert.equal(ring.ready(), undefined);
    assert.equal(reads(), 0);
  });

  test("can't be loaded without the secret of any key in use, waiting or not", async () => {
    await elsewhere.rotate(ACTOR, OTHER_SECRET);
    const fingerprint = masterSecretFingerprint(OTHER_SECRET, storeId);
    await assert.rejects(openRing(), { name: "OperatorError", message: new RegExp(`key 2 .*${fingerprint}`) });
    await assert.rejects(openRing([OTHER_SECRET]), { name: "OperatorError", message: /signing key 1 / });
    assert.deepEqual((await openRing([OTHER_SECRET, TEST_MASTER_SECRET])).numbers(), [1, 2]);
  });
});

describe("a change of the signing keys", () => {
  test("elsewhere takes effect with the change feed: a new key checks, then signs, and a retired one is gone", async () => {
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    await hear();
    assert.deepEqual([ring.numbers(), ring.currentNumber], [[1, 2], 1]);
    await elsewhere.activate(ACTOR);
    await hear();
    assert.equal(ring.currentNumber, 2);
    await elsewhere.retire(ACTOR, 1);
    await hear();
    assert.deepEqual(ring.numbers(), [2]);
    assert.equal(ring.mac(1, "text"), undefined);
  });

  test("of this process holds before it is acknowledged", async () => {
    const own = createSigningKeyChanges(watched.store, registry.clock, hear);
    await own.rotate(ACTOR, TEST_MASTER_SECRET);
    assert.deepEqual(ring.numbers(), [1, 2]);
    await own.activate(ACTOR);
    await own.retire(ACTOR, 1);
    assert.equal(ring.mac(1, "text"), undefined);
    assert.equal(ring.currentNumber, 2);
  });

  test("makes the ring read the store, and other changes don't", async () => {
    await registry.changes.createAccount(ACTOR, { shortname: "acme" });
    await hear();
    assert.equal(reads(), 0);
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    await hear();
    assert.ok(reads() >= 1);
  });

  test("that came with a store of another history takes effect", async () => {
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    await hear();
    registry.rewrite("delete from audit_events where seq = 2; delete from signing_keys where number = 2");
    await view.feed.poll();
    await ring.settled();
    assert.deepEqual(ring.numbers(), [1]);
  });

  test("to a key whose secret is missing is reported once, and the other keys keep working", async () => {
    await elsewhere.rotate(ACTOR, OTHER_SECRET);
    await hear();
    assert.deepEqual(missing, [2]);
    await elsewhere.activate(ACTOR);
    await hear();
    assert.deepEqual([ring.numbers(), ring.currentNumber], [[1], 1]);
    await elsewhere.rotate(ACTOR, OTHER_SECRET);
    await hear();
    assert.deepEqual(missing, [2, 3]);
    assert.equal(ring.ready(), undefined);
  });

  test("that leaves no key whose secret is known makes the ring refuse, and nothing is signed under a retired key", async () => {
    await elsewhere.rotate(ACTOR, OTHER_SECRET);
    await elsewhere.activate(ACTOR);
    await elsewhere.retire(ACTOR, 1);
    await view.feed.catchUp();
    await assert.rejects(ring.settled(), { code: "unavailable" });
    await assert.rejects(ring.ready() ?? assert.fail("not to be relied on"), { code: "unavailable" });
  });
});

describe("while the view isn't confirmed", () => {
  test("each decision reads the store, and sees what the feed hasn't reported", async () => {
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    await elsewhere.activate(ACTOR);
    await elsewhere.retire(ACTOR, 1);
    assert.equal(ring.ready(), undefined);
    makeUnconfirmed();
    await ring.ready();
    assert.deepEqual(ring.numbers(), [2]);
    const before = reads();
    await ring.ready();
    assert.equal(reads(), before + 1);
    await view.feed.poll();
    await ring.settled();
    assert.equal(ring.ready(), undefined);
  });

  test("decisions at once share a reading that began after they asked", async () => {
    makeUnconfirmed();
    const delayed = watched.delayNext("signingKeys.list");
    const first = ring.ready();
    await delayed.asked;
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    const later = Array.from({ length: 50 }, () => ring.ready());
    delayed.release();
    await first;
    for (const ready of later) await ready;
    assert.equal(reads(), 2, "the one under way, and one for all decisions that came during it");
    assert.deepEqual(ring.numbers(), [1, 2]);
  });

  test("and the store can't be read, each decision is refused; the known keys work again afterwards", async () => {
    makeUnconfirmed();
    watched.fail("signingKeys.list");
    await refusesUnavailable(ring.ready());
    await refusesUnavailable(ring.ready());
    watched.fail();
    await ring.ready();
    assert.deepEqual(ring.numbers(), [1]);
  });
});

describe("a reading that failed", () => {
  test("after a change is repeated by the next decision, and no key is used before", async () => {
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    await elsewhere.activate(ACTOR);
    await elsewhere.retire(ACTOR, 1);
    watched.fail("signingKeys.list");
    await view.feed.catchUp();
    await refusesUnavailable(ring.settled());
    await refusesUnavailable(ring.ready());
    watched.fail();
    await ring.ready();
    assert.deepEqual(ring.numbers(), [2]);
    assert.equal(ring.ready(), undefined);
  });

  test("for a decision while the view wasn't confirmed doesn't fail a later change", async () => {
    makeUnconfirmed();
    watched.fail("signingKeys.list");
    await refusesUnavailable(ring.ready());
    watched.fail();
    await view.feed.catchUp();
    await ring.settled();
  });
});

describe("looking for an unknown key", () => {
  test("reads the store at most once a second", async () => {
    const isLooking = async () => {
      const read = ring.readUnknown();
      await read;
      return read !== undefined;
    };
    assert.equal(await isLooking(), true);
    assert.equal(await isLooking(), false);
    registry.clock.advanceMonotonicMs(999);
    assert.equal(await isLooking(), false);
    registry.clock.advanceMonotonicMs(1);
    assert.equal(await isLooking(), true);
    registry.clock.advanceMonotonicMs(1001);
    assert.equal(await isLooking(), true);
    assert.equal(reads(), 3);
  });

  test("finds a key before the feed reports it, for all requests that came with its tokens meanwhile", async () => {
    const check = createCheckToken({ view, signingKeys: ring, clock: registry.clock });
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    const delayed = watched.delayNext("signingKeys.list");
    const verdicts = Array.from({ length: 20 }, () => check(tokenOf(2)));
    await delayed.asked;
    verdicts.push(check(tokenOf(2)));
    delayed.release();
    for (const verdict of verdicts) {
      assert.deepEqual(await verdict, { active: false, reason: "unknown_key" }, "its signature was found to be good");
    }
    assert.equal(reads(), 1);
  });

  test("for made-up numbers costs one read a second, however many requests come", async () => {
    const check = createCheckToken({ view, signingKeys: ring, clock: registry.clock });
    for (let number = 2; number < 100; number++) {
      assert.deepEqual(await check(tokenOf(number)), { active: false, reason: "unknown_signing_key" });
    }
    assert.equal(reads(), 1);
  });

  test("is refused for a second where the store can't be read, and never answered with a wrong verdict", async () => {
    const check = createCheckToken({ view, signingKeys: ring, clock: registry.clock });
    await elsewhere.rotate(ACTOR, TEST_MASTER_SECRET);
    watched.fail("signingKeys.list");
    for (let count = 0; count < 3; count++)
      await assert.rejects(async () => check(tokenOf(2)), { code: "unavailable" });
    assert.equal(reads(), 1);
    watched.fail();
    registry.clock.advanceMonotonicMs(1000);
    assert.deepEqual(await check(tokenOf(2)), { active: false, reason: "unknown_key" });
  });
});
