import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { TEST_MASTER_SECRET } from "../../testing/test-signing-keys.ts";
import { masterSecretFingerprint } from "./signing-keys.ts";
import { findChainBreak } from "../feed/audit-chain.ts";
import { fromRow } from "../feed/event.ts";
import type { FeedListener } from "../feed/follow-feed.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { Refusal } from "../refusal.ts";
import { createCommit } from "../change/commit.ts";
import { LIVE_NODE_MS } from "./changes.ts";
import { createSigningKeyChanges, type SigningKeyChanges } from "../../testing/test-changes.ts";
import type { Store } from "../store/store.ts";

const ACTOR = "cli:alice";
const OTHER_SECRET = Buffer.alloc(32, 9);

let registry: TestRegistry;
let store: Store;
let keys: SigningKeyChanges;
/** The last event's number at each acknowledgment. */
let acknowledged: number[];
let fingerprint: { readonly master_fingerprint: string };
const opened: TestRegistry[] = [];

beforeEach(async () => {
  registry = await openTestRegistry();
  opened.push(registry);
  ({ store } = registry);
  await registry.changes.ensureSigningKey("system", TEST_MASTER_SECRET);
  fingerprint = { master_fingerprint: masterSecretFingerprint(TEST_MASTER_SECRET, await store.storeId()) };
  acknowledged = [];
  keys = createSigningKeyChanges(store, registry.clock, async () => {
    acknowledged.push((await store.events.last()).seq);
  });
});
after(async () => {
  for (const each of opened) await each.close();
});

function node(id: string, ...signingKeys: readonly number[]): Promise<void> {
  return store.nodes.record({
    id,
    startedAtMs: 1,
    version: "1",
    publicUrl: null,
    hostName: null,
    feedLagMs: 0,
    signingKeys,
  });
}

/** The events after the first signing key's. */
async function events() {
  return (await store.events.after(1, 100)).map(({ actor, action, subject, details }) => [
    actor,
    action,
    subject,
    details,
  ]);
}

async function refusalOf(work: Promise<unknown>): Promise<readonly [string, string]> {
  const error: unknown = await work.then(
    () => assert.fail("it wasn't refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Refusal, String(error));
  return [error.code, error.message];
}

const numbers = async (which: "activatedAtMs" | "retiredAtMs") =>
  (await store.signingKeys.list()).filter((key) => key[which] !== null).map(({ number }) => number);

describe("rotating", () => {
  test("makes the next key, which derives from the given secret and waits", async () => {
    registry.clock.advanceSeconds(5);
    const key = await keys.rotate(ACTOR, OTHER_SECRET);
    assert.deepEqual(key, {
      number: 2,
      masterFingerprint: masterSecretFingerprint(OTHER_SECRET, await store.storeId()),
      createdAtMs: registry.clock.wallMs(),
      activatedAtMs: null,
      retiredAtMs: null,
    });
    assert.deepEqual((await store.signingKeys.list())[1], key);
    const details = { master_fingerprint: masterSecretFingerprint(OTHER_SECRET, await store.storeId()) };
    assert.deepEqual(await events(), [[ACTOR, "signing_key.created", "signing_key:2", details]]);
    assert.deepEqual(acknowledged, [2]);
  });

  test("while a key waits returns that key, without an event", async () => {
    const key = await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    assert.deepEqual(await keys.rotate(ACTOR, TEST_MASTER_SECRET), key);
    assert.equal((await store.signingKeys.list()).length, 2);
    assert.equal((await store.events.last()).seq, 2);
  });

  test("on two connections at once makes one key", async () => {
    const other = createSigningKeyChanges(await registry.connect(), registry.clock);
    const made = await Promise.all([keys.rotate(ACTOR, TEST_MASTER_SECRET), other.rotate(ACTOR, TEST_MASTER_SECRET)]);
    assert.deepEqual(made[0], made[1]);
    assert.equal((await store.signingKeys.list()).length, 2);
  });

  test("never takes a number again", async () => {
    for (const number of [2, 3]) {
      assert.equal((await keys.rotate(ACTOR, TEST_MASTER_SECRET)).number, number);
      await keys.retire(ACTOR, number);
    }
    assert.equal((await keys.rotate(ACTOR, TEST_MASTER_SECRET)).number, 4);
  });
});

describe("activating", () => {
  test("does nothing where no key waits", async () => {
    assert.deepEqual(await keys.activate(ACTOR), { key: undefined, waitingFor: [] });
    assert.deepEqual(await events(), []);
  });

  test("lets the key sign once every live node lists it", async () => {
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    await node("a", 1, 2);
    await node("b", 2);
    registry.clock.advanceSeconds(5);
    const { key, waitingFor } = await keys.activate("system");
    assert.deepEqual(waitingFor, []);
    assert.equal(key?.activatedAtMs, registry.clock.wallMs());
    assert.deepEqual((await store.signingKeys.list())[1], key);
    assert.deepEqual((await events()).at(-1), ["system", "signing_key.activated", "signing_key:2", fingerprint]);
    assert.deepEqual(await keys.activate(ACTOR), { key: undefined, waitingFor: [] });
    assert.equal(findChainBreak(await store.events.after(0, 100), undefined), undefined);
  });

  test("waits for nodes that don't list it, and names them", async () => {
    const key = await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    await node("ready", 1, 2);
    await node("behind", 1);
    await node("fresh");
    const waiting = await keys.activate(ACTOR);
    assert.deepEqual(waiting.key, key);
    assert.deepEqual(
      waiting.waitingFor.map(({ id, signingKeys }) => [id, signingKeys]),
      [
        ["behind", [1]],
        ["fresh", []],
      ],
    );
    assert.deepEqual(await numbers("activatedAtMs"), [1]);
    assert.equal((await events()).length, 1, "waiting isn't an event");
    await node("behind", 1, 2);
    await store.nodes.remove("fresh");
    assert.deepEqual((await keys.activate(ACTOR)).waitingFor, []);
    assert.deepEqual(await numbers("activatedAtMs"), [1, 2]);
  });

  test("doesn't wait for a node that is no longer live", async () => {
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    await node("gone", 1);
    const age = (ms: number) => {
      registry.rewrite(`update nodes set seen_at_ms = cast(unixepoch('subsec') * 1000 as integer) - ${ms}`);
    };
    age(LIVE_NODE_MS - 5000);
    assert.equal((await keys.activate(ACTOR)).waitingFor.length, 1);
    age(LIVE_NODE_MS + 1);
    assert.equal((await keys.activate(ACTOR)).waitingFor.length, 0);
  });

  test("lets a key sign at once if no node runs", async () => {
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    assert.deepEqual((await keys.activate(ACTOR)).waitingFor, []);
    assert.deepEqual(await numbers("activatedAtMs"), [1, 2]);
  });
});

describe("retiring", () => {
  test("ends a key permanently, once another signs", async () => {
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    await keys.activate(ACTOR);
    registry.clock.advanceSeconds(5);
    const retired = await keys.retire(ACTOR, 1);
    assert.equal(retired.retiredAtMs, registry.clock.wallMs());
    assert.deepEqual((await store.signingKeys.list())[0], retired);
    assert.deepEqual((await events()).at(-1), [ACTOR, "signing_key.retired", "signing_key:1", fingerprint]);
    registry.clock.advanceSeconds(5);
    assert.deepEqual(await keys.retire(ACTOR, 1), retired, "a second time it changes nothing");
    assert.equal((await events()).length, 3);
    assert.equal(findChainBreak(await store.events.after(0, 100), undefined), undefined);
  });

  test("refuses to retire the only key that signs, whatever other keys wait or are retired, and changes nothing", async () => {
    const ONLY = [
      "conflict",
      "Signing key 1 is the only one that signs. countersign signing-key rotate makes the next one; then retire this.",
    ];
    assert.deepEqual(await refusalOf(keys.retire(ACTOR, 1)), ONLY);
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    assert.deepEqual(await refusalOf(keys.retire(ACTOR, 1)), ONLY);
    await keys.retire(ACTOR, 2);
    assert.deepEqual(await refusalOf(keys.retire(ACTOR, 1)), ONLY);
    assert.deepEqual(await numbers("retiredAtMs"), [2]);
    assert.deepEqual(acknowledged, [2, 3]);
  });

  test("ends a waiting key, which then never signs", async () => {
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    await keys.retire(ACTOR, 2);
    assert.deepEqual(await keys.activate(ACTOR), { key: undefined, waitingFor: [] });
    assert.deepEqual(await numbers("activatedAtMs"), [1]);
  });

  test("of a number that doesn't exist is not_found", async () => {
    for (const number of [0, 2, -1, 2 ** 32]) {
      assert.deepEqual(await refusalOf(keys.retire(ACTOR, number)), [
        "not_found",
        `There is no signing key ${number}.`,
      ]);
    }
  });

  test("both keys on two connections at once leaves one", async () => {
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    await keys.activate(ACTOR);
    const other = createSigningKeyChanges(await registry.connect(), registry.clock);
    const outcomes = await Promise.allSettled([keys.retire(ACTOR, 1), other.retire(ACTOR, 2)]);
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    assert.equal((await numbers("retiredAtMs")).length, 1);
  });
});

describe("a heartbeat", () => {
  /** How long ago each node confirmed its feed. */
  let feedLagMs = 0;

  /** A node that knows these signing keys. */
  function beating(id: string, signingKeys: number[], settled: () => Promise<void> = () => Promise.resolve()) {
    let transactions = 0;
    const counted: Store = {
      ...store,
      transaction: (work) => {
        transactions++;
        return store.transaction(work);
      },
    };
    const ring = { numbers: () => signingKeys, settled };
    const heartbeat = createHeartbeat(
      counted,
      ring,
      createCommit(counted, registry.clock),
      { confirmedMsAgo: () => feedLagMs },
      { id, startedAtMs: 7, version: "1.2.3", publicUrl: null, hostName: null },
      (error) => assert.fail(String(error)),
    );
    return { heartbeat, transactions: () => transactions };
  }

  const live = async () =>
    (await store.nodes.listLive(LIVE_NODE_MS)).map(({ seenAtMs: _seenAtMs, ...liveNode }) => liveNode);

  test("records that the node is live and which signing keys it knows, and changes nothing", async () => {
    const { heartbeat, transactions } = beating("a", [1]);
    assert.equal(heartbeat.id, "a");
    await heartbeat.beat();
    await heartbeat.beat();
    assert.deepEqual(await live(), [
      { id: "a", startedAtMs: 7, version: "1.2.3", publicUrl: null, hostName: null, feedLagMs: 0, signingKeys: [1] },
    ]);
    assert.equal(transactions(), 0, "without a waiting key, the lock for changes isn't taken");
    assert.deepEqual(await events(), []);
  });

  test("records how far behind the change feed the node is, a day at most", async () => {
    const { heartbeat } = beating("a", [1]);
    for (const [lag, recorded] of [
      [42.4, 42],
      [Number.POSITIVE_INFINITY, 86_400_000],
      [0, 0],
    ] as const) {
      feedLagMs = lag;
      await heartbeat.beat();
      assert.equal((await live())[0]?.feedLagMs, recorded);
    }
  });

  test("lets a waiting key sign once every node knows it, whichever node's heartbeat is last", async () => {
    const known: Record<string, number[]> = { a: [1], b: [1] };
    const [a, b] = [beating("a", known["a"] ?? []), beating("b", known["b"] ?? [])];
    await a.heartbeat.beat();
    await b.heartbeat.beat();
    await keys.rotate(ACTOR, TEST_MASTER_SECRET);
    known["a"]?.push(2);
    await a.heartbeat.beat();
    await b.heartbeat.beat();
    assert.deepEqual(await numbers("activatedAtMs"), [1], "b doesn't know it");
    known["b"]?.push(2);
    await b.heartbeat.beat();
    assert.deepEqual(await numbers("activatedAtMs"), [1, 2]);
    assert.deepEqual((await events()).at(-1)?.slice(0, 2), ["system", "signing_key.activated"]);
  });

  test("waits until the change feed's news is read, and continues with what the node knows where that fails", async () => {
    const known = [1];
    const release = Promise.withResolvers<void>();
    const { heartbeat } = beating("a", known, () => release.promise);
    const first = heartbeat.beat();
    known.push(2);
    release.resolve();
    await first;
    assert.deepEqual((await live())[0]?.signingKeys, [1, 2]);
    const failing = beating("b", [1], () => Promise.reject(new Error("the store can't be reached")));
    await failing.heartbeat.beat();
    assert.equal((await live()).length, 2);
  });

  test("follows each change of the signing keys that the feed reports and each reset, and nothing else", async () => {
    const position = { seq: 1, hash: "" };
    const account = {
      ...position,
      event: fromRow({ action: "account.created", subject: "account:1", details: { shortname: "acme" } }),
    };
    const signingKey = {
      ...position,
      event: fromRow({ action: "signing_key.created", subject: "signing_key:2", details: {} }),
    };
    const newer = {
      ...position,
      event: fromRow({ action: "signing_key.renamed", subject: "signing_key:2", details: {} }),
    };
    for (const [trigger, beats] of [
      [(listener: FeedListener) => listener.onEvents([account]), 0],
      [(listener: FeedListener) => listener.onEvents([account, signingKey]), 1],
      [(listener: FeedListener) => listener.onEvents([newer]), 1],
      [(listener: FeedListener) => listener.onReset(position), 1],
    ] as const) {
      let begun = 0;
      const { heartbeat } = beating("a", [1], () => {
        begun++;
        // It never continues, so that nothing is under way when the store closes.
        return new Promise(() => undefined);
      });
      trigger(heartbeat);
      assert.equal(begun, beats);
    }
  });
});

describe("binding a store of an earlier release to its id", () => {
  const SECRETS = [TEST_MASTER_SECRET] as const;
  /** Makes the store look as a release left it before stores had ids. */
  const unbind = (secret: Buffer) =>
    registry.rewrite(`update signing_keys set master_fingerprint = '${masterSecretFingerprint(secret, undefined)}'`);

  test("makes a key that derives from the id too, which waits until no node of that release serves", async () => {
    unbind(TEST_MASTER_SECRET);
    const made = await keys.bindToStore("system", SECRETS);
    assert.deepEqual([made?.number, made?.masterFingerprint], [2, fingerprint.master_fingerprint]);
    assert.deepEqual(await events(), [["system", "signing_key.created", "signing_key:2", fingerprint]]);
    // It doesn't list a key whose fingerprint it can't explain.
    await node("of-the-earlier-release", 1);
    assert.deepEqual(
      (await keys.activate("system")).waitingFor.map(({ id }) => id),
      ["of-the-earlier-release"],
    );
    await store.nodes.remove("of-the-earlier-release");
    await keys.activate("system");
    assert.deepEqual(await numbers("activatedAtMs"), [1, 2]);
    assert.deepEqual(await numbers("retiredAtMs"), [], "earlier tokens stay valid");
  });

  test("is done once, however many nodes start", async () => {
    unbind(TEST_MASTER_SECRET);
    const other = createSigningKeyChanges(await registry.connect(), registry.clock);
    await Promise.all([keys.bindToStore("system", SECRETS), other.bindToStore("system", SECRETS)]);
    assert.equal(await keys.bindToStore("system", SECRETS), undefined);
    await keys.activate("system");
    assert.equal(await keys.bindToStore("system", SECRETS), undefined);
    assert.equal((await store.signingKeys.list()).length, 2);
  });

  test("uses the newest secret, whichever of them the old key derives from", async () => {
    unbind(TEST_MASTER_SECRET);
    const made = await keys.bindToStore("system", [OTHER_SECRET, TEST_MASTER_SECRET]);
    assert.equal(made?.masterFingerprint, masterSecretFingerprint(OTHER_SECRET, await store.storeId()));
  });

  test("leaves a store unchanged if its newest key is bound to it, or derives from a secret that this node lacks", async () => {
    assert.equal(await keys.bindToStore("system", SECRETS), undefined);
    unbind(OTHER_SECRET);
    assert.equal(await keys.bindToStore("system", SECRETS), undefined);
    assert.equal((await store.events.last()).seq, 1);
  });
});
