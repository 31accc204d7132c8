import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createRegistryChanges } from "../../testing/test-changes.ts";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { createAccount, loadAccount } from "../accounts/changes.ts";
import { Refusal } from "../refusal.ts";
import { SYSTEM, unrestrictedAuthor } from "./change-tx.ts";
import { type CommitOptions, createCommit } from "./commit.ts";

let registry: TestRegistry;
before(async () => {
  registry = await openTestRegistry();
});
after(() => registry.close());

const isRefusal = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code;
const newest = async () => (await registry.store.events.after(0, 1000)).at(-1);

describe("a change", () => {
  test("and its events share one time and one author", async () => {
    const commit = createCommit(registry.store, registry.clock);
    await commit(
      async (tx) => {
        registry.clock.advanceSeconds(1);
        await createAccount(tx, { shortname: "timely" });
        assert.equal(tx.nowMs, registry.clock.wallMs() - 1000);
      },
      { author: unrestrictedAuthor("cli:alice") },
    );
    const event = await newest();
    assert.deepEqual([event?.actor, event?.atMs], ["cli:alice", registry.clock.wallMs() - 1000]);
    assert.equal((await registry.store.accounts.find("timely"))?.createdAtMs, event?.atMs);
  });

  test("that was made, but can't be confirmed, is refused with a message that says that it was made", async () => {
    const cause = new Error("the feed can't be read");
    const commit = createCommit(registry.store, registry.clock, () => Promise.reject(cause));
    await assert.rejects(
      commit((tx) => createAccount(tx, { shortname: "made" }), { author: SYSTEM }),
      (error: unknown) => {
        assert.ok(error instanceof Refusal);
        assert.equal(error.code, "unavailable");
        assert.match(error.message, /^The change was made, /);
        assert.equal(error.cause, cause);
        return true;
      },
    );
    assert.ok(await registry.store.accounts.find("made"));
  });

  test("that fails changes nothing, confirms nothing, and rejects with its own error", async () => {
    const commit = createCommit(registry.store, registry.clock, () => assert.fail("nothing has changed"));
    const failing = commit(
      async (tx) => {
        await createAccount(tx, { shortname: "failed" });
        throw new Error("its own");
      },
      { author: SYSTEM },
    );
    await assert.rejects(failing, { message: "its own" });
    assert.equal(await registry.store.accounts.find("failed"), undefined);
  });
});

describe("a change of a version", () => {
  for (const [ifMatch, isMade] of [
    [undefined, true],
    ['"a"', true],
    ["*", true],
    ['"b"', false],
  ] as const) {
    test(`that has the tag "a" is ${isMade ? "made" : "refused"} under If-Match: ${ifMatch}`, async () => {
      const shortname = `version-${isMade}-${ifMatch?.length ?? 0}`;
      const commit = createCommit(registry.store, registry.clock);
      const made = commit((tx) => createAccount(tx, { shortname }), {
        author: SYSTEM,
        ifMatch: { ifMatch, currentTag: () => Promise.resolve('"a"') },
      });
      if (isMade) await made;
      else await assert.rejects(made, isRefusal("precondition_failed"));
      assert.equal((await registry.store.accounts.find(shortname)) !== undefined, isMade);
    });
  }
});

describe("a change under an Idempotency-Key", () => {
  let confirmations = 0;
  type Account = Awaited<ReturnType<typeof createAccount>>;

  function create(
    shortname: string,
    key: string | undefined,
    { actor = "operator:a", ...options }: { actor?: string; request?: unknown } & Partial<CommitOptions<Account>> = {},
  ) {
    const commit = createCommit(registry.store, registry.clock, () => {
      confirmations++;
      return Promise.resolve();
    });
    const { request = ["createAccount", { shortname }] } = options;
    return commit((tx) => createAccount(tx, { shortname }), {
      author: unrestrictedAuthor(actor),
      ...options,
      once: { key, request, kind: "account", idOf: ({ id }) => id, again: (tx) => loadAccount(tx, shortname) },
    });
  }

  test("is the same request with its members in another order, at any depth; the order of a list counts", async () => {
    const request = ["x", { a: 1, b: { c: [1, { e: 2, f: 3 }], d: null } }];
    assert.ok(!(await create("ordered", "k0", { request })).isRepeated);
    const reordered = ["x", { b: { d: null, c: [1, { f: 3, e: 2 }] }, a: 1 }];
    assert.ok((await create("ordered", "k0", { request: reordered })).isRepeated);
    const other = ["x", { a: 1, b: { c: [{ e: 2, f: 3 }, 1], d: null } }];
    await assert.rejects(() => create("ordered", "k0", { request: other }), isRefusal("idempotency_key_reused"));
  });

  test("is made once; the next time, what was made is read", async () => {
    const first = await create("once", "k1");
    const second = await create("once", "k1");
    assert.deepEqual([first.isRepeated, second.isRepeated], [false, true]);
    assert.deepEqual(second.result, first.result);
    const events = await registry.store.events.after(0, 1000);
    assert.equal(events.filter(({ details }) => details["shortname"] === "once").length, 1);
  });

  test("is confirmed for a retry too, since the first answer may have said that it wasn't confirmed", async () => {
    await create("confirmed", "k6");
    const before = confirmations;
    assert.ok((await create("confirmed", "k6")).isRepeated);
    assert.equal(confirmations, before + 1);
  });

  test("repeats its answer to a retry whose If-Match names the version before it", async () => {
    await create("based", "k7");
    const ifMatch = { ifMatch: '"old"', currentTag: () => Promise.resolve('"new"') };
    assert.ok((await create("based", "k7", { ifMatch })).isRepeated);
    await assert.rejects(() => create("based", "k8", { ifMatch }), isRefusal("precondition_failed"));
  });

  test("is made once however many requests come at the same time", async () => {
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => create("crowd", "k2")));
    assert.equal(outcomes.filter(({ isRepeated }) => !isRepeated).length, 1);
  });

  test("is refused for a different request", async () => {
    await create("first", "k3");
    await assert.rejects(() => create("second", "k3"), isRefusal("idempotency_key_reused"));
    assert.equal(await registry.store.accounts.find("second"), undefined);
  });

  test("belongs to its author: the same key from another author is a different key", async () => {
    await create("mine", "k4");
    assert.ok(!(await create("yours", "k4", { actor: "operator:b" })).isRepeated);
  });

  test("that failed leaves its key free for another attempt", async () => {
    await createRegistryChanges(registry.store, registry.clock).createAccount("test", { shortname: "taken" });
    await assert.rejects(() => create("taken", "k5"), isRefusal("conflict"));
    await assert.rejects(() => create("taken", "k5"), isRefusal("conflict"));
    assert.ok(!(await create("free", "k5")).isRepeated);
  });

  test("without a key is made at each request", async () => {
    await create("plain", undefined);
    await assert.rejects(() => create("plain", undefined), isRefusal("conflict"));
  });
});
