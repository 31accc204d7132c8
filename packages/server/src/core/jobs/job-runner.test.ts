import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import type { Store } from "../store/store.ts";
import { createJobRunner, type Job, type JobLease, LEASE_MS, LeaseLost } from "./job-runner.ts";

const INTERVAL_MS = 3_600_000;

describe("a job", () => {
  let registry: TestRegistry;
  let stores: readonly [Store, Store];
  beforeEach(async () => {
    registry = await openTestRegistry();
    stores = [registry.store, await registry.connect()];
  });
  afterEach(() => registry.close());

  /** A runner on a node of its own. */
  function runnerOn(node: 0 | 1, run: Job["run"], needsClock = true) {
    const { clock } = registry;
    return createJobRunner(
      { store: stores[node], clock, holder: `node ${node}` },
      { name: "walk", intervalMs: INTERVAL_MS, needsClock, run },
    );
  }

  /** Runs that wait until they are told to end. */
  function waitingRun() {
    const begun = Promise.withResolvers<JobLease>();
    const end = Promise.withResolvers<number | null>();
    return {
      begun: begun.promise,
      end: end.resolve,
      run: (lease: JobLease) => {
        begun.resolve(lease);
        return end.promise;
      },
    };
  }

  test("runs although a clock that was ahead has given it to a node for years", async () => {
    registry.rewrite("insert into jobs values ('walk', 'a dead node', 32503680000000, null, null)");
    let runs = 0;
    const run = () => {
      runs++;
      return Promise.resolve(null);
    };
    await runnerOn(0, run).runIfDue();
    assert.equal(runs, 1);
  });

  test("runs on one node at a time, and not again before its interval has passed", async () => {
    let others = 0;
    const first = waitingRun();
    const one = runnerOn(0, first.run);
    const other = runnerOn(1, () => {
      others++;
      return Promise.resolve(null);
    });
    const running = one.runIfDue();
    await first.begun;
    await other.runIfDue();
    assert.equal(others, 0, "while it runs");
    first.end(null);
    await running;
    registry.clock.advanceSeconds(INTERVAL_MS / 1000 - 1);
    await other.runIfDue();
    assert.equal(others, 0, "a second before the interval has passed");
    registry.clock.advanceSeconds(1);
    await other.runIfDue();
    await other.runIfDue();
    assert.equal(others, 1);
  });

  test("of a node that died is continued by another once the lease is over, from the recorded position", async () => {
    const dead = waitingRun();
    void runnerOn(0, dead.run).runIfDue();
    const lease = await dead.begun;
    await stores[0].transaction((tx) => lease.hold(tx, 42));
    const positions: (number | null)[] = [];
    const other = runnerOn(1, ({ position }) => {
      positions.push(position);
      return Promise.resolve(null);
    });
    await other.runIfDue();
    assert.deepEqual(positions, []);
    registry.rewrite(`update jobs set held_until_ms = held_until_ms - ${LEASE_MS}`);
    await other.runIfDue();
    assert.deepEqual(positions, [42]);
  });

  test("can't be changed any more by a node that lost it, nor recorded as complete", async () => {
    const stalled = waitingRun();
    const running = runnerOn(0, stalled.run).runIfDue();
    const lease = await stalled.begun;
    registry.rewrite(`update jobs set held_until_ms = held_until_ms - ${LEASE_MS}`);
    const taker = waitingRun();
    const taking = runnerOn(1, taker.run).runIfDue();
    await taker.begun;
    await lease.renew();
    registry.clock.advanceSeconds(15);
    await assert.rejects(lease.renew(), LeaseLost);
    await assert.rejects(
      stores[0].transaction(async (tx) => {
        await tx.accounts.insert({ shortname: "late", name: "late", createdAtMs: 1 });
        await lease.hold(tx, 1);
      }),
      LeaseLost,
    );
    assert.deepEqual(await stores[0].accounts.list(), []);
    stalled.end(5);
    await running;
    assert.deepEqual(await stores[0].jobs.find("walk"), { ranAtMs: null, position: null, isHeld: true });
    taker.end(null);
    await taking;
    assert.equal((await stores[0].jobs.find("walk")).ranAtMs, registry.clock.wallMs());
  });

  test("that throws is due again, on any node", async () => {
    const failing = runnerOn(0, () => Promise.reject(new Error("the job fails")));
    await assert.rejects(failing.runIfDue(), /the job fails/);
    let runs = 0;
    await runnerOn(1, () => {
      runs++;
      return Promise.resolve(null);
    }).runIfDue();
    assert.equal(runs, 1);
  });

  test("that a stopping node interrupts is unfinished, and another node has it at once", async () => {
    const interrupted = waitingRun();
    const one = runnerOn(0, interrupted.run);
    const running = one.runIfDue();
    const lease = await interrupted.begun;
    await stores[0].transaction((tx) => lease.hold(tx, 7));
    one.stop();
    assert.equal(lease.signal.aborted, true);
    interrupted.end(null);
    await running;
    const positions: (number | null)[] = [];
    await runnerOn(1, ({ position }) => {
      positions.push(position);
      return Promise.resolve(position);
    }).runIfDue();
    assert.deepEqual(positions, [7]);
    await one.runIfDue();
    assert.equal((await stores[1].jobs.find("walk")).position, 7, "a complete run keeps the position that it returns");
  });

  test("doesn't begin after the wall clock was set, unless it doesn't need the clock", async () => {
    const began: string[] = [];
    const count = (name: string) => () => {
      began.push(name);
      return Promise.resolve(null);
    };
    const needy = runnerOn(0, count("needs the clock"));
    const other = runnerOn(1, count("doesn't"), false);
    registry.clock.setMicroseconds(registry.clock.nowMicroseconds() + 86_400e6);
    await needy.runIfDue();
    assert.deepEqual(began, []);
    await other.runIfDue();
    registry.clock.advanceSeconds(3600);
    await needy.runIfDue();
    assert.deepEqual(began, ["doesn't", "needs the clock"]);
  });

  test("that ran by a clock that was far ahead is due; a clock a little ahead makes no difference", async () => {
    let runs = 0;
    const runner = runnerOn(0, () => {
      runs++;
      return Promise.resolve(null);
    });
    await runner.runIfDue();
    registry.clock.advanceSeconds(-3600);
    await runner.runIfDue();
    assert.equal(runs, 1);
    registry.clock.advanceSeconds(-1);
    await runner.runIfDue();
    assert.equal(runs, 2);
  });
});
