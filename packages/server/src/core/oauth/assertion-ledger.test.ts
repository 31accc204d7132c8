import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { createTestClock } from "../../testing/test-clock.ts";
import { openTestRegistry } from "../../testing/test-registry.ts";
import { Refusal } from "../refusal.ts";
import type { ApiUserId } from "../users/model.ts";
import type { UsedAssertion } from "./store.ts";
import { ASSERTIONS_PER_WINDOW_MAX, createAssertionLedger } from "./assertion-ledger.ts";

const USER = 1 as ApiUserId;
const OTHER = 2 as ApiUserId;
/** An hour, and the leeway at both ends. */
const WINDOW_MS = (3600 + 120) * 1000;

/** A store that records what it was asked, and answers when the test wants it to. */
function watchedStore(answer?: (batch: readonly UsedAssertion[]) => Promise<readonly boolean[]>) {
  const batches: (readonly UsedAssertion[])[] = [];
  const used = new Set<string>();
  return {
    batches,
    use(batch: readonly UsedAssertion[]): Promise<readonly boolean[]> {
      batches.push(batch);
      if (answer !== undefined) return answer(batch);
      return Promise.resolve(
        batch.map(({ userId, jtiHash }) => {
          const isFirst = !used.has(`${userId} ${jtiHash}`);
          used.add(`${userId} ${jtiHash}`);
          return isFirst;
        }),
      );
    },
  };
}

async function codeOf(use: Promise<void>): Promise<string> {
  return use.then(
    () => "used",
    (error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      return error.code;
    },
  );
}

describe("an assertion", () => {
  test("is used once and never again; the same jti of another user is a different one", async () => {
    const registry = await openTestRegistry();
    await registry.changes.createAccount("test", { shortname: "acme" });
    for (const name of ["a", "b"]) await registry.changes.createUser("test", { name, account: "acme", access: "full" });
    const ledger = createAssertionLedger(registry.store.assertions, registry.clock);
    assert.equal(await codeOf(ledger.useUp(USER, "x", 1000)), "used");
    assert.equal(await codeOf(ledger.useUp(USER, "x", 1000)), "assertion_replayed");
    assert.equal(await codeOf(ledger.useUp(USER, "x", 9000)), "assertion_replayed", "whatever its exp is");
    assert.equal(await codeOf(ledger.useUp(OTHER, "x", 1000)), "used");
    assert.equal(await codeOf(ledger.useUp(USER, "X", 1000)), "used");
    // Another process, and this one after a restart.
    const elsewhere = createAssertionLedger((await registry.connect()).assertions, registry.clock);
    assert.equal(await codeOf(elsewhere.useUp(USER, "x", 1000)), "assertion_replayed");
    await registry.close();
  });

  test("that is sent twenty times at once is used once", async () => {
    const registry = await openTestRegistry();
    await registry.changes.createAccount("test", { shortname: "acme" });
    await registry.changes.createUser("test", { name: "a", account: "acme", access: "full" });
    const ledgers = [
      createAssertionLedger(registry.store.assertions, registry.clock),
      createAssertionLedger((await registry.connect()).assertions, registry.clock),
    ];
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, number) => codeOf((ledgers[number % 2] ?? assert.fail()).useUp(USER, "x", 1000))),
    );
    assert.deepEqual(codes.toSorted(), [...Array.from({ length: 19 }, () => "assertion_replayed"), "used"]);
    await registry.close();
  });

  test("is remembered until its leeway has passed, by a hash of its jti", async () => {
    const store = watchedStore();
    const ledger = createAssertionLedger(store, createTestClock());
    await ledger.useUp(USER, "x", 1000);
    await ledger.useUp(USER, "y", 1000.25);
    const jtiHash = createHash("sha256").update("x").digest("base64url");
    assert.deepEqual(store.batches[0], [{ userId: USER, jtiHash, expiresAtSeconds: 1060 }]);
    assert.equal(store.batches[1]?.[0]?.expiresAtSeconds, 1061, "rounded up, never down");
  });

  test("is refused as unavailable where the store can't record it, and may be sent again", async () => {
    let isBroken = true;
    const cause = new Error("disk full");
    const ledger = createAssertionLedger(
      watchedStore((batch) => (isBroken ? Promise.reject(cause) : Promise.resolve(batch.map(() => true)))),
      createTestClock(),
    );
    await assert.rejects(ledger.useUp(USER, "x", 1000), (error: unknown) => {
      assert.ok(error instanceof Refusal);
      assert.deepEqual([error.code, error.detail.retryAfterSeconds, error.cause], ["unavailable", 1, cause]);
      return true;
    });
    isBroken = false;
    assert.equal(await codeOf(ledger.useUp(USER, "x", 1000)), "used");
  });

  test("is refused where the store answers fewer questions than it was asked", async () => {
    const ledger = createAssertionLedger(
      watchedStore(() => Promise.resolve([])),
      createTestClock(),
    );
    assert.equal(await codeOf(ledger.useUp(USER, "x", 1000)), "assertion_replayed");
  });
});

describe("the ledger's writing", () => {
  test("is one batch at a time: what arrives meanwhile is written together, in parts of 500, and each gets its own answer", async () => {
    const gates: (() => void)[] = [];
    const store = watchedStore(async (batch) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return batch.map(({ expiresAtSeconds }) => expiresAtSeconds % 2 === 0);
    });
    const ledger = createAssertionLedger(store, createTestClock());
    const codes = Array.from({ length: 1202 }, (_, number) => codeOf(ledger.useUp(USER, `jti ${number}`, number)));
    for (let batch = 0; batch < 4; batch++) {
      assert.equal(store.batches.length, batch + 1, "one at a time");
      gates[batch]?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(
      store.batches.map((batch) => batch.length),
      [1, 500, 500, 201],
    );
    for (const [number, code] of (await Promise.all(codes)).entries()) {
      assert.equal(code, number % 2 === 0 ? "used" : "assertion_replayed");
    }
    const later = ledger.useUp(USER, "later", 0);
    gates[4]?.();
    await later;
    assert.equal(store.batches.length, 5, "and it continues after it was idle");
  });

  test("of a batch that fails refuses that batch only", async () => {
    let calls = 0;
    const store = watchedStore((batch) => {
      calls++;
      return calls === 2 ? Promise.reject(new Error("locked")) : Promise.resolve(batch.map(() => true));
    });
    const ledger = createAssertionLedger(store, createTestClock());
    const codes = await Promise.all(
      Array.from({ length: 600 }, (_, number) => codeOf(ledger.useUp(USER, `jti ${number}`, 1000))),
    );
    assert.deepEqual(
      [codes[0], new Set(codes.slice(1, 501)), new Set(codes.slice(501))],
      ["used", new Set(["unavailable"]), new Set(["used"])],
    );
  });
});

test("what waits behind a batch for which the store is unavailable is refused with it, and what arrives later is tried", async () => {
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const store = watchedStore(async (batch) => {
    calls++;
    if (calls > 1) return batch.map(() => true);
    await gate.promise;
    throw new Refusal("unavailable", "The store can't be written: the disk is full.");
  });
  const ledger = createAssertionLedger(store, createTestClock());
  const use = (number: number) => codeOf(ledger.useUp(USER, `jti ${number}`, 1000));
  const codes = Promise.all(Array.from({ length: 600 }, (_, number) => use(number)));
  gate.resolve();
  assert.deepEqual(new Set(await codes), new Set(["unavailable"]));
  assert.equal(calls, 1, "no assertion waited for a second deadline");
  assert.equal(await use(601), "used");
});

describe("how many assertions a client may use", () => {
  test(`is at most ${ASSERTIONS_PER_WINDOW_MAX} in a window, for each client separately`, async () => {
    const clock = createTestClock();
    const store = watchedStore((batch) => Promise.resolve(batch.map(() => true)));
    const ledger = createAssertionLedger(store, clock);
    const use = (user = USER) => ledger.useUp(user, "jti", 1000);
    for (let round = 0; round < ASSERTIONS_PER_WINDOW_MAX / 10_000; round++) {
      await Promise.all(Array.from({ length: 10_000 }, () => use()));
    }
    clock.advanceMonotonicMs(WINDOW_MS - 1500);
    const batches = store.batches.length;
    await assert.rejects(use(), (error: unknown) => {
      assert.ok(error instanceof Refusal);
      assert.equal(error.code, "rate_limited");
      assert.match(error.message, /^The client has used 100000 assertions within about an hour\.$/);
      assert.equal(error.detail.retryAfterSeconds, 2, "rounded up");
      return true;
    });
    assert.equal(store.batches.length, batches, "the store isn't asked");
    assert.equal(await codeOf(use(OTHER)), "used");
    // A stepped wall clock opens no window.
    clock.setMicroseconds(4e15);
    clock.advanceMonotonicMs(1499);
    assert.equal(await codeOf(use()), "rate_limited");
    clock.advanceMonotonicMs(1);
    assert.equal(await codeOf(use()), "used", "the window is over at its end");
    clock.advanceMonotonicMs(1);
    assert.equal(await codeOf(use()), "used");
  });
});
