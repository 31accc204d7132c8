import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AuditEvent, chainEvent } from "./audit-chain.ts";
import { createChainVerification } from "./verify-chain.ts";

/** A chain of so many events. */
function chainOf(length: number): AuditEvent[] {
  const events: AuditEvent[] = [];
  for (let at = 0; at < length; at++) {
    const event = {
      atMs: at,
      actor: "cli:test",
      action: "account.created",
      subject: `account:${at}`,
      details: {},
    } as const;
    events.push(chainEvent(event, events.at(-1)));
  }
  return events;
}

/** Counts how many readings of the chain begin, and how many are under way at once. */
function watchedStore(events: AuditEvent[]) {
  const figures = { begun: 0, atOnce: 0, atOnceMax: 0, reads: 0 };
  return {
    figures,
    async after(seq: number, limit: number) {
      figures.reads++;
      if (seq === 0) {
        figures.begun++;
        figures.atOnceMax = Math.max(figures.atOnceMax, ++figures.atOnce);
      }
      await new Promise((resolve) => setImmediate(resolve));
      const found = events.slice(seq, seq + limit);
      if (found.length === 0) figures.atOnce--;
      return found;
    },
  };
}

describe("a verification of the whole chain", () => {
  test("runs one at a time, and twice for any number of callers at once", async () => {
    const events = chainOf(1000);
    const store = watchedStore(events);
    let yields = 0;
    const verify = createChainVerification(store, async () => void yields++);
    const first = verify();
    // It has begun before the others ask.
    await new Promise((resolve) => setImmediate(resolve));
    const reports = await Promise.all([first, ...Array.from({ length: 20 }, () => verify())]);
    for (const { events: count, broken, lastHash } of reports) {
      assert.deepEqual([count, broken, lastHash], [1000, undefined, events.at(-1)?.hash]);
    }
    assert.equal(store.figures.begun, 2);
    assert.equal(store.figures.atOnceMax, 1);
    assert.equal(yields, 2 * 10, "and yields to other work after every hundred events");
  });

  test("never uses a reading that began before the caller asked", async () => {
    const events = chainOf(300);
    const store = watchedStore(events);
    const verify = createChainVerification(store, () => Promise.resolve());
    const early = verify();
    while (store.figures.reads < 3) await new Promise((resolve) => setImmediate(resolve));
    // A change of what the first reading has already read.
    events[0] = { ...(events[0] as AuditEvent), actor: "cli:mallory" };
    const late = verify();
    assert.equal((await early).broken, undefined);
    assert.deepEqual((await late).broken, { seq: 1, problem: "its contents were changed" });
  });

  test("that fails rejects only for the callers that wait for it", async () => {
    let isDown = true;
    const store = {
      after: (): Promise<AuditEvent[]> => (isDown ? Promise.reject(new Error("down")) : Promise.resolve([])),
    };
    const verify = createChainVerification(store, () => Promise.resolve());
    await Promise.all([assert.rejects(verify(), /down/), assert.rejects(verify(), /down/)]);
    isDown = false;
    assert.equal((await verify()).events, 0);
  });
});
