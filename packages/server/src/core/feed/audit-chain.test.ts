import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type AuditEvent,
  CHAIN_START,
  chainEvent,
  chainHash,
  findChainBreak,
  type UnchainedEvent,
} from "./audit-chain.ts";

function chain(length: number): AuditEvent[] {
  const events: AuditEvent[] = [];
  for (let count = 1; count <= length; count++) {
    const event: UnchainedEvent = {
      atMs: 1000 + count,
      actor: "cli:alice",
      action: "key.added",
      subject: `key:${count}`,
      details: { username: "api-1-demo", bits: 2048, expires_at_ms: null, first: count === 1 },
    };
    events.push(chainEvent(event, events.at(-1)));
  }
  return events;
}

/** Changes a row and computes its hash anew, as an attacker would. */
function rehashed(event: AuditEvent): AuditEvent {
  return { ...event, hash: chainHash(event) };
}

describe("the audit chain", () => {
  test("numbers events from 1 without gaps, each with the hash of the one before", () => {
    const events = chain(3);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [1, 2, 3],
    );
    assert.equal(events[0]?.previousHash, CHAIN_START);
    assert.equal(CHAIN_START, "0".repeat(64));
    assert.equal(events[1]?.previousHash, events[0]?.hash);
    assert.equal(events[2]?.previousHash, events[1]?.hash);
  });

  test("hashes a JSON array of the fields in a fixed order that must never change: stored chains depend on it", () => {
    const expected = createHash("sha256")
      .update(
        '[1,1001,"cli:alice","key.added","key:1",' +
          '[["bits",2048],["expires_at_ms",null],["first",true],["username","api-1-demo"]],' +
          `"${CHAIN_START}"]`,
      )
      .digest("hex");
    assert.equal(chain(1)[0]?.hash, expected);
  });

  test("doesn't depend on the order of an event's details", () => {
    const [event] = chain(1) as [AuditEvent];
    const reversed = Object.fromEntries(Object.entries(event.details).toReversed());
    assert.equal(chainHash({ ...event, details: reversed }), event.hash);
  });

  test("is intact where nothing was changed, from the start or from any event on", () => {
    const events = chain(20);
    assert.equal(findChainBreak(events, undefined), undefined);
    assert.equal(findChainBreak([], undefined), undefined);
    for (let at = 0; at < events.length; at++) {
      assert.equal(findChainBreak(events.slice(at + 1), events[at]), undefined);
    }
  });

  test("can't detect that events were cut off its end, as documented", () => {
    assert.equal(findChainBreak(chain(20).slice(0, 10), undefined), undefined);
  });
});

describe("a tampered chain breaks", () => {
  const CHANGED = "its contents were changed";
  const DETACHED = "it doesn't continue the event before";
  const MISSING = "the event is missing";
  const tampered = (change: (events: AuditEvent[]) => void) => {
    const events = chain(9);
    change(events);
    return findChainBreak(events, undefined);
  };
  const replace = (seq: number, change: Partial<AuditEvent>) =>
    tampered((events) => {
      events[seq - 1] = { ...(events[seq - 1] as AuditEvent), ...change };
    });

  for (const seq of [1, 5, 9]) {
    for (const [field, change] of [
      ["its time", { atMs: 1 }],
      ["its actor", { actor: "cli:mallory" }],
      ["its action", { action: "key.revoked" }],
      ["its subject", { subject: "key:99" }],
      ["a detail", { details: { username: "api-1-demo", bits: 1024, expires_at_ms: null, first: seq === 1 } }],
      ["a detail's type", { details: { username: "api-1-demo", bits: "2048", expires_at_ms: null, first: seq === 1 } }],
      [
        "a detail more",
        { details: { username: "api-1-demo", bits: 2048, expires_at_ms: null, first: seq === 1, x: 1 } },
      ],
      ["no details", { details: {} }],
      ["its hash", { hash: "f".repeat(64) }],
    ] as const) {
      test(`at event ${seq} where ${field} was changed`, () => {
        assert.deepEqual(replace(seq, change), { seq, problem: CHANGED });
      });
    }

    test(`at event ${seq} where its previous hash was changed`, () => {
      assert.deepEqual(replace(seq, { previousHash: "f".repeat(64) }), { seq, problem: DETACHED });
    });
  }

  test("after an event that was changed and hashed anew", () => {
    const found = tampered((events) => {
      events[4] = rehashed({ ...(events[4] as AuditEvent), actor: "cli:mallory" });
    });
    assert.deepEqual(found, { seq: 6, problem: DETACHED });
  });

  for (const seq of [1, 5]) {
    test(`where event ${seq} is missing`, () => {
      assert.deepEqual(
        tampered((events) => events.splice(seq - 1, 1)),
        { seq, problem: MISSING },
      );
    });

    test(`where event ${seq} is missing and the rest was numbered anew`, () => {
      const found = tampered((events) => {
        events.splice(seq - 1, 1);
        for (const [index, event] of events.entries()) events[index] = { ...event, seq: index + 1 };
      });
      assert.deepEqual(found, { seq, problem: DETACHED });
    });
  }

  test("where two events were swapped", () => {
    const found = tampered((events) => {
      [events[3], events[4]] = [events[4] as AuditEvent, events[3] as AuditEvent];
    });
    assert.deepEqual(found, { seq: 4, problem: MISSING });
  });

  test("where an event is duplicated", () => {
    const found = tampered((events) => events.splice(4, 0, events[4] as AuditEvent));
    assert.deepEqual(found, { seq: 6, problem: MISSING });
  });

  test("where an event was inserted", () => {
    const found = tampered((events) => {
      const forged = chainEvent({ atMs: 1, actor: "x", action: "key.added", subject: "key:7", details: {} }, events[4]);
      events.splice(5, 0, forged);
    });
    assert.deepEqual(found, { seq: 7, problem: MISSING });
  });

  test("where it doesn't continue the event whose hash was kept elsewhere", () => {
    const events = chain(9);
    const noted = { seq: 4, hash: "e".repeat(64) };
    assert.deepEqual(findChainBreak(events.slice(4), noted), { seq: 5, problem: DETACHED });
    assert.deepEqual(findChainBreak(events.slice(5), events[3]), { seq: 5, problem: MISSING });
  });

  test("at the event of any change of a single field", () => {
    const field = fc.constantFrom("atMs", "actor", "action", "subject", "hash", "previousHash");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), field, fc.string(), (seq, name, text) => {
        const found = replace(seq, { [name]: text });
        assert.equal(found?.seq, seq);
      }),
    );
  });
});
