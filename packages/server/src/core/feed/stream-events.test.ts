import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { OperatorError } from "../operator-error.ts";
import { Refusal } from "../refusal.ts";
import type { AuditEvent } from "./audit-chain.ts";
import { EVENTS_PER_DELIVERY, type EventStreamOptions, streamEvents, type StreamPosition } from "./stream-events.ts";

let registry: TestRegistry;
let stored: StreamPosition | undefined;
let received: number[];
let problems: unknown[];
let recovered: number;
let accounts = 0;

beforeEach(async () => {
  registry = await openTestRegistry();
  [stored, received, problems, recovered] = [undefined, [], [], 0];
});
afterEach(() => registry.close());

async function addEvents(count: number): Promise<void> {
  for (let added = 0; added < count; added++) {
    await registry.changes.createAccount("test", {
      shortname: `account-${++accounts}`,
    });
  }
}

/** Runs the stream until it waits for new events. */
async function run(options: Partial<EventStreamOptions> = {}): Promise<void> {
  const stopping = new AbortController();
  await streamEvents({
    store: registry.store,
    memory: {
      read: () => Promise.resolve(stored),
      write(position) {
        stored = position;
        return Promise.resolve();
      },
    },
    receiver: {
      send(events) {
        received.push(...events.map(({ seq }) => seq));
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    },
    from: 1,
    // The pause after a failure is over at once; waiting for events ends the stream.
    pause: (_milliseconds, signal) => {
      if (signal !== stopping.signal) stopping.abort();
      return Promise.resolve();
    },
    signal: stopping.signal,
    onProblem: (error) => problems.push(error),
    onRecovered: () => recovered++,
    ...options,
  });
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("a stream of the audit log", () => {
  test("passes on every event in order, and continues after the last one", async () => {
    await addEvents(EVENTS_PER_DELIVERY + 5);
    await run();
    assert.deepEqual(received, numbers(1, EVENTS_PER_DELIVERY + 5));
    const { id: storeId } = await registry.store.storeIdentity();
    assert.deepEqual(stored, { storeId, ...(await registry.store.events.last()) });
    await addEvents(2);
    received = [];
    await run({ from: "now" });
    assert.deepEqual(received, numbers(EVENTS_PER_DELIVERY + 6, EVENTS_PER_DELIVERY + 7));
  });

  test("begins where it is told if there is no position", async () => {
    await addEvents(4);
    await run({ from: 3 });
    assert.deepEqual(received, [3, 4]);
    [received, stored] = [[], undefined];
    await run({ from: "now" });
    assert.equal((stored as StreamPosition | undefined)?.seq, 4, "the position is there before the first event");
    await addEvents(1);
    await run({ from: "now" });
    assert.deepEqual(received, [5]);
    stored = undefined;
    await assert.rejects(run({ from: 9 }), { message: "There is no event 9 yet; the last one is 5." });
  });

  test("repeats a delivery that failed until it succeeds, and reports the failure once", async () => {
    await addEvents(3);
    let failures = 3;
    const send = (events: readonly AuditEvent[]) => {
      if (failures-- > 0) return Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));
      received.push(...events.map(({ seq }) => seq));
      return Promise.resolve();
    };
    await run({ receiver: { send, close: () => Promise.resolve() } });
    assert.deepEqual(received, [1, 2, 3]);
    assert.deepEqual([problems.length, recovered], [1, 1]);
  });

  test("doesn't send events again if only the position couldn't be written", async () => {
    await addEvents(3);
    let writes = 0;
    await run({
      memory: {
        read: () => Promise.resolve(stored),
        write(position) {
          if (++writes === 2) return Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }));
          stored = position;
          return Promise.resolve();
        },
      },
    });
    assert.deepEqual(received, [1, 2, 3]);
    assert.equal(stored?.seq, 3);
  });

  test("waits for a store that can't be read", async () => {
    await addEvents(1);
    let isDown = true;
    const events = {
      ...registry.store.events,
      after(seq: number, limit: number) {
        if (!isDown) return registry.store.events.after(seq, limit);
        isDown = false;
        return Promise.reject(new Refusal("unavailable", "The store can't be read."));
      },
    };
    await run({ store: { ...registry.store, events } });
    assert.deepEqual(received, [1]);
    assert.equal(problems.length, 1);
  });

  test("ends with words if the store lost or changed what was passed on, and passes on nothing", async () => {
    await addEvents(3);
    await run();
    const before = stored;
    received = [];
    registry.rewrite("delete from audit_events where seq = 3");
    const message =
      /^The audit log doesn't continue event 3 \(hash [0-9a-f]{64}\), the last that was passed on: the store was restored or altered\./;
    await assert.rejects(run(), (error) => error instanceof OperatorError && message.test(error.message));
    await addEvents(2);
    await assert.rejects(run(), { message });
    assert.deepEqual([received, stored], [[], before]);
  });

  test("notices a loss while it runs", async () => {
    await addEvents(2);
    let polls = 0;
    const stopping = new AbortController();
    const pause = () => {
      if (++polls === 1) registry.rewrite("delete from audit_events where seq = 2");
      else stopping.abort();
      return Promise.resolve();
    };
    await assert.rejects(run({ pause, signal: stopping.signal }), {
      message: /^The audit log doesn't continue event 2 /,
    });
  });

  test("stops before an event that was altered", async () => {
    await addEvents(3);
    registry.rewrite("update audit_events set actor = 'nobody' where seq = 2");
    await assert.rejects(run(), { message: /^The audit log is broken at event 2: its contents were changed\./ });
    assert.deepEqual(received, []);
  });

  test("refuses the position of another store, and takes that of the store before it was accepted", async () => {
    await addEvents(2);
    await run();
    assert.ok(stored !== undefined);
    const own = stored;
    stored = { ...own, storeId: "0".repeat(32) };
    await assert.rejects(run(), { message: /^The position belongs to another store: 0{32}, and this one is / });
    stored = own;
    await registry.store.transaction((transaction) => transaction.renewStoreId("f".repeat(32)));
    await addEvents(1);
    received = [];
    await run();
    assert.deepEqual(received, [3]);
    assert.equal(stored.storeId, "f".repeat(32));
  });
});
