/**
 * What every engine must do so that one node at a time runs a job. Only tests import this.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

/** Long enough for any test. */
const LONG_MS = 3_600_000;

export function testJobStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`jobs on ${name}`, () => {
    const each = openEachStore(open);
    const claimOf = (holder: string, leaseMs = LONG_MS) => ({ name: "walk", holder, leaseMs });
    const NEVER_RAN = { ranAtMs: null, position: null };

    test("a job that one node has can't be taken by another, until the first releases it", async () => {
      const other = await each.connect();
      assert.deepEqual(await each.store.jobs.find("walk"), { ...NEVER_RAN, isHeld: false });
      assert.deepEqual(await each.store.jobs.take(claimOf("a")), NEVER_RAN);
      assert.equal(await other.jobs.take(claimOf("b")), undefined);
      assert.equal((await other.jobs.find("walk")).isHeld, true);
      assert.deepEqual(await each.store.jobs.take(claimOf("a")), NEVER_RAN, "its holder renews it");
      await other.jobs.release("walk", "b");
      assert.equal(await other.jobs.take(claimOf("b")), undefined, "another's release changes nothing");
      await each.store.jobs.release("walk", "a");
      assert.deepEqual(await other.jobs.take(claimOf("b")), NEVER_RAN);
      assert.deepEqual(await each.store.jobs.take({ ...claimOf("a"), name: "another job" }), NEVER_RAN);
    });

    test("a claim is over at its end, by the store's clock, and a claim by a wrong clock doesn't last", async () => {
      await each.store.jobs.take(claimOf("a", 0));
      assert.equal((await each.store.jobs.find("walk")).isHeld, false);
      assert.deepEqual(await each.store.jobs.take(claimOf("b")), NEVER_RAN);
      assert.equal(await each.store.jobs.take(claimOf("a")), undefined);
      assert.equal((await each.store.jobs.find("walk", LONG_MS)).isHeld, true);
      assert.equal((await each.store.jobs.find("walk", LONG_MS / 4)).isHeld, false, "b's claim lasts over two of c's");
      assert.notEqual(await each.store.jobs.take(claimOf("c", LONG_MS / 4)), undefined);
    });

    test("of several nodes that try at once, exactly one gets the job", async () => {
      const nodes = ["a", "b", "c", "d"];
      const connections = await Promise.all(nodes.map(() => each.connect()));
      const taken = await Promise.all(connections.map((store, index) => store.jobs.take(claimOf(nodes[index] ?? ""))));
      assert.equal(taken.filter((state) => state !== undefined).length, 1);
    });

    test("a complete run and the position that was reached are recorded, by the job's holder only", async () => {
      await each.store.jobs.take(claimOf("a"));
      const hold = (holder: string, position?: number | null) =>
        each.store.transaction((transaction) => transaction.jobs.hold(claimOf(holder), position));
      assert.equal(await hold("a", 7), true);
      assert.equal(await hold("b", 9), false);
      assert.equal(await hold("a"), true);
      assert.deepEqual(await each.store.jobs.find("walk"), { ranAtMs: null, position: 7, isHeld: true });
      await each.store.jobs.complete("walk", "b", { ranAtMs: 1, position: null });
      assert.deepEqual(await each.store.jobs.find("walk"), { ranAtMs: null, position: 7, isHeld: true });
      await each.store.jobs.complete("walk", "a", { ranAtMs: 2, position: null });
      assert.deepEqual(await each.store.jobs.find("walk"), { ranAtMs: 2, position: null, isHeld: false });
      await each.store.jobs.take(claimOf("b"));
      await each.store.jobs.complete("walk", "b", { ranAtMs: 3, position: 5_000_000_000 });
      assert.deepEqual(await each.store.jobs.take(claimOf("a")), { ranAtMs: 3, position: 5_000_000_000 });
    });

    test("a change of a node that lost the job isn't made, and one that rolls back leaves its position", async () => {
      await each.store.jobs.take(claimOf("slow", 0));
      const other = await each.connect();
      await other.jobs.take(claimOf("quick"));
      assert.equal(await each.store.transaction((transaction) => transaction.jobs.hold(claimOf("slow"), 3)), false);
      await assert.rejects(
        other.transaction(async (transaction) => {
          assert.equal(await transaction.jobs.hold(claimOf("quick"), 4), true);
          throw new Error("the page fails");
        }),
        /the page fails/,
      );
      assert.deepEqual(await other.jobs.find("walk"), { ...NEVER_RAN, isHeld: true });
    });
  });
}
