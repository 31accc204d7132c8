import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openTestRegistry, type TestRegistry } from "../../testing/test-registry.ts";
import { Refusal } from "../refusal.ts";
import { createRegistryChanges } from "../registry-changes.ts";
import type { Account } from "../accounts/model.ts";
import { type CreationAttempt, createOnce } from "./once.ts";

describe("a creation under an Idempotency-Key", () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await openTestRegistry();
  });
  after(() => registry.close());

  function attempt(shortname: string, key: string | undefined, principal = "operator:a"): CreationAttempt<Account> {
    return {
      key,
      principal,
      request: ["createAccount", { shortname }],
      create: (transactions) =>
        createRegistryChanges(transactions, registry.clock).createAccount(principal, { shortname }),
      subjectOf: ({ id }) => `account:${id}`,
    };
  }
  const create = (...parameters: Parameters<typeof attempt>) =>
    createOnce(registry.store, registry.clock, attempt(...parameters));

  test("the same members in another order are the same request", async () => {
    const request = { ...attempt("ordered", "k0"), request: ["x", { a: 1, b: { c: [1, 2], d: null } }] };
    assert.ok(!(await createOnce(registry.store, registry.clock, request)).isRepeated);
    const again = { ...request, request: ["x", { b: { d: null, c: [1, 2] }, a: 1 }] };
    assert.ok((await createOnce(registry.store, registry.clock, again)).isRepeated);
    // The order of a list counts.
    const other = { ...request, request: ["x", { a: 1, b: { c: [2, 1], d: null } }] };
    await assert.rejects(
      () => createOnce(registry.store, registry.clock, other),
      (error: unknown) => error instanceof Refusal && error.code === "idempotency_key_reused",
    );
  });

  test("makes it once, and says what it was the next time", async () => {
    const first = await create("once", "k1");
    assert.ok(!first.isRepeated);
    const second = await create("once", "k1");
    assert.deepEqual(second, { isRepeated: true, subject: `account:${first.made.id}` });
    const events = await registry.store.events.after(0, 100);
    assert.equal(events.filter(({ details }) => details["shortname"] === "once").length, 1);
  });

  test("makes it once however many ask at the same time", async () => {
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => create("crowd", "k2")));
    assert.equal(outcomes.filter(({ isRepeated }) => !isRepeated).length, 1);
  });

  test("is refused for another request", async () => {
    await create("first", "k3");
    await assert.rejects(
      () => create("second", "k3"),
      (error: unknown) => error instanceof Refusal && error.code === "idempotency_key_reused",
    );
    assert.equal(await registry.store.accounts.find("second"), undefined);
  });

  test("belongs to whoever asked: another's key is another key", async () => {
    await create("mine", "k4");
    const outcome = await create("yours", "k4", "operator:b");
    assert.ok(!outcome.isRepeated);
  });

  test("that failed wasn't made: the key can be used again", async () => {
    await registry.changes.createAccount("test", { shortname: "taken" });
    const isConflict = (error: unknown) => error instanceof Refusal && error.code === "conflict";
    await assert.rejects(() => create("taken", "k5"), isConflict);
    await assert.rejects(() => create("taken", "k5"), isConflict);
    assert.ok(!(await create("free", "k5")).isRepeated);
  });

  test("without a key is made each time it is asked for", async () => {
    await create("plain", undefined);
    await assert.rejects(() => create("plain", undefined), Refusal);
  });
});
