import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../../testing/test-registry.ts";
import { createDemoUser } from "../../../testing/test-changes.ts";
import { createCommit } from "../../change/commit.ts";
import { createJobRunner } from "../../jobs/job-runner.ts";
import type { KeyId } from "../model.ts";
import { createUnusedKeySearch } from "./find-unused-keys.ts";
import { createExpiryReminders } from "./remind-of-expiries.ts";

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1000;
const KEY = 1 as KeyId;

describe("notices about keys", () => {
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await openTestRegistry();
    await createDemoUser(registry.changes);
  });
  afterEach(() => registry.close());

  /** A node that looks when the test says so. Its pauses don't wait. */
  function node(name = "a", store = registry.store) {
    const { clock } = registry;
    const pauses: number[] = [];
    const dependencies = {
      store,
      clock,
      commit: createCommit(store, clock),
      pause: async (milliseconds: number) => void pauses.push(milliseconds),
    };
    const runners = [createExpiryReminders(dependencies), createUnusedKeySearch(dependencies)].map((job) =>
      createJobRunner({ store, clock, holder: name }, job),
    );
    return {
      pauses,
      look: async () => {
        for (const runner of runners) await runner.runIfDue();
      },
    };
  }

  /** The notices that were given, in order. */
  async function notices(action: string): Promise<readonly unknown[]> {
    const events = await registry.store.events.after(0, 1000);
    return events
      .filter((event) => event.action === action)
      .map(({ subject, details }) => [subject, details["days"] ?? details["last_used_at_ms"] ?? null]);
  }
  const reminders = () => notices("key.expiring");
  const unused = () => notices("key.unused");

  const expireIn = (seconds: number, key = KEY) =>
    registry.changes.changeKey("test", key, { expiresAtMs: registry.clock.wallMs() + seconds * 1000 });

  test("a key that expires is noticed 30, 7 and 1 days before, once each, to the second", async () => {
    const { look } = node();
    await expireIn(31 * DAY_S);
    const step = async (seconds: number) => {
      registry.clock.advanceSeconds(seconds);
      await look();
      await look();
      return (await reminders()).length;
    };
    assert.equal(await step(DAY_S - 1), 0, "a second before 30 days");
    assert.equal(await step(60), 1);
    assert.equal(await step(23 * DAY_S - 61), 1, "over 7 days before");
    assert.equal(await step(62), 2);
    assert.equal(await step(6 * DAY_S - 62), 2, "over a day before");
    assert.equal(await step(62), 3);
    assert.equal(await step(2 * DAY_S), 3, "after the expiry");
    assert.deepEqual(await reminders(), [
      ["key:1", 30],
      ["key:1", 7],
      ["key:1", 1],
    ]);
  });

  test("exactly 30 days before, the reminder is given; at the instant of the expiry, none", async () => {
    const { look } = node();
    await expireIn(30 * DAY_S);
    await look();
    assert.deepEqual(await reminders(), [["key:1", 30]]);
    registry.clock.advanceSeconds(30 * DAY_S);
    await look();
    assert.equal((await reminders()).length, 1);
  });

  test("a service that was down when two reminders were due gives the nearest alone", async () => {
    await expireIn(31 * DAY_S);
    await node("a").look();
    registry.clock.advanceSeconds(26 * DAY_S);
    const { look } = node("b");
    await look();
    assert.deepEqual(await reminders(), [["key:1", 7]]);
    registry.clock.advanceSeconds(4.5 * DAY_S);
    await look();
    assert.deepEqual(await reminders(), [
      ["key:1", 7],
      ["key:1", 1],
    ]);
  });

  test("another expiry is noticed again", async () => {
    const { look } = node();
    await expireIn(5 * DAY_S);
    await look();
    await expireIn(20 * DAY_S);
    registry.clock.advanceSeconds(60);
    await look();
    registry.clock.advanceSeconds(14 * DAY_S);
    await look();
    assert.deepEqual(await reminders(), [
      ["key:1", 7],
      ["key:1", 30],
      ["key:1", 7],
    ]);
  });

  test("the event says which key of whom, how many days, and when it expires; the service is its author", async () => {
    const expiresAtMs = (await expireIn(5 * DAY_S)).expiresAtMs;
    await node().look();
    const event = (await registry.store.events.after(0, 100)).at(-1);
    const { fingerprint } = (await registry.store.keys.find(KEY)) ?? {};
    assert.deepEqual(
      { ...event, previousHash: "", hash: "" },
      {
        seq: 5,
        atMs: registry.clock.wallMs(),
        actor: "system",
        action: "key.expiring",
        subject: "key:1",
        details: { username: "api-1-demo", fingerprint, days: 7, expires_at_ms: expiresAtMs },
        previousHash: "",
        hash: "",
        accountId: 1,
      },
    );
  });

  test("nothing is noticed of a key that can't be used: deactivated, revoked, or its user or account is off", async () => {
    const { look } = node();
    const { changes, clock } = registry;
    await expireIn(100 * DAY_S);
    clock.advanceSeconds(95 * DAY_S);
    await changes.setKeyStanding("test", KEY, "deactivated");
    await look();
    await changes.setKeyStanding("test", KEY, "active");
    for (const set of [
      (status: "active" | "deactivated") => changes.setUserStanding("test", "api-1-demo", status),
      (status: "active" | "deactivated") => changes.setAccountStanding("test", "acme", status),
    ]) {
      await set("deactivated");
      clock.advanceSeconds(60);
      await look();
      await set("active");
    }
    assert.deepEqual([await reminders(), await unused()], [[], []]);
    clock.advanceSeconds(60);
    await look();
    assert.deepEqual(await reminders(), [["key:1", 7]]);
  });

  test("a key that its client has rotated isn't noticed, unless the new key can't be used or expires before it", async () => {
    await expireIn(5 * DAY_S);
    const { look } = node();
    registry.rewrite(
      "insert into public_keys select 2, user_id, 'f', 't', bits, spki, label, 'active', created_at_ms, null," +
        " 'm', account_id, idle_since_day, null, 1, null, null from public_keys where id = 1",
    );
    await look();
    assert.deepEqual(await reminders(), []);
    registry.rewrite(
      "update public_keys set expires_at_ms = (select expires_at_ms from public_keys where id = 1) where id = 2",
    );
    registry.clock.advanceSeconds(60);
    await look();
    assert.deepEqual(await reminders(), [
      ["key:1", 7],
      ["key:2", 7],
    ]);
    registry.rewrite("update public_keys set status = 'revoked' where id = 2");
    registry.clock.advanceSeconds(4 * DAY_S);
    await look();
    assert.deepEqual((await reminders()).slice(2), [["key:1", 1]]);
  });

  test("a key that wasn't used for 90 days is noticed once, and again 90 days after its next use", async () => {
    const { look } = node();
    const { clock } = registry;
    clock.advanceSeconds(90 * DAY_S - 1);
    await look();
    assert.deepEqual(await unused(), []);
    clock.advanceSeconds(DAY_S);
    await look();
    clock.advanceSeconds(DAY_S);
    await look();
    assert.deepEqual(await unused(), [["key:1", null]]);
    const usedAtMs = clock.wallMs();
    await registry.store.usage.record([
      { keyId: KEY, lastUsedAtMs: usedAtMs, tokensByHour: new Map(), tokensByExpiry: new Map() },
    ]);
    clock.advanceSeconds(89 * DAY_S);
    await look();
    assert.equal((await unused()).length, 1);
    clock.advanceSeconds(DAY_S);
    await look();
    assert.deepEqual(await unused(), [
      ["key:1", null],
      ["key:1", usedAtMs],
    ]);
  });

  test("an expired key isn't noticed as unused", async () => {
    await expireIn(80 * DAY_S);
    registry.clock.advanceSeconds(95 * DAY_S);
    await node().look();
    assert.deepEqual(await unused(), []);
  });

  describe("in a registry of 1,200 keys that expire", () => {
    const KEYS = 1200;
    beforeEach(() => {
      const atMs = registry.clock.wallMs();
      registry.rewrite(`
        with recursive numbers (n) as (select 2 union all select n + 1 from numbers where n < ${KEYS})
        insert into public_keys select n, user_id, 'f' || n, 't' || n, bits, spki, null, 'active', created_at_ms,
          ${atMs + 5 * DAY_MS} + n / 10, 'm' || n, account_id, idle_since_day, null, null, null, null
        from numbers, public_keys where id = 1;
        update public_keys set expires_at_ms = ${atMs + 5 * DAY_MS} where id = 1`);
    });
    const everyKey = Array.from({ length: KEYS }, (_, index) => `key:${index + 1}`);
    const named = async () =>
      (await registry.store.events.after(0, 5000)).flatMap((event) =>
        event.action === "key.expiring" ? [event.subject] : [],
      );

    test("each is noticed once, in the order of the expiries, 10 a second", async () => {
      const { look, pauses } = node();
      await look();
      registry.clock.advanceSeconds(60);
      await look();
      assert.deepEqual(await named(), everyKey);
      assert.ok(pauses.reduce((sum, each) => sum + each, 0) >= KEYS * 100);
    });

    test("a node that dies between two pages leaves the rest to another, which repeats none", async () => {
      const { clock } = registry;
      const commit = createCommit(registry.store, clock);
      const died = Promise.withResolvers<void>();
      const job = createExpiryReminders({
        store: registry.store,
        clock,
        commit,
        // A process that was killed never goes on after its second change.
        pause: async () => {
          if ((await named()).length < 100) return;
          died.resolve();
          await new Promise(() => undefined);
        },
      });
      void createJobRunner({ store: registry.store, clock, holder: "killed" }, job).runIfDue();
      await died.promise;
      assert.equal((await named()).length, 100);
      const other = node("other", await registry.connect());
      await other.look();
      assert.equal((await named()).length, 100, "while the lease lasts");
      registry.rewrite("update jobs set held_until_ms = 0");
      await other.look();
      assert.deepEqual(await named(), everyKey);
    });

    test("a node that stops leaves the rest at once", async () => {
      const { clock } = registry;
      const runner = createJobRunner(
        { store: registry.store, clock, holder: "stopping" },
        createExpiryReminders({
          store: registry.store,
          clock,
          commit: createCommit(registry.store, clock),
          pause: async () => runner.stop(),
        }),
      );
      await runner.runIfDue();
      assert.equal((await named()).length, 50);
      await node("other").look();
      assert.deepEqual(await named(), everyKey);
    });
  });
});
