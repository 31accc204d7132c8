import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestRegistry } from "../../testing/test-registry.ts";
import { Refusal } from "../refusal.ts";
import { createChange } from "./change.ts";

test("a change that was made, but can't be confirmed, is refused with words that say that it was made", async () => {
  const registry = await openTestRegistry();
  const cause = new Error("the feed can't be read");
  const change = createChange(registry.store, () => Promise.reject(cause));
  const making = change((transaction) =>
    transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 }),
  );
  await assert.rejects(making, (error: unknown) => {
    assert.ok(error instanceof Refusal);
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /^The change was made, /);
    assert.equal(error.cause, cause);
    return true;
  });
  assert.equal((await registry.store.accounts.list()).length, 1);
  await registry.close();
});

test("work that fails changes nothing, confirms nothing, and its own error is what comes back", async () => {
  const registry = await openTestRegistry();
  const change = createChange(registry.store, () => assert.fail("nothing has changed"));
  const failing = change(async (transaction) => {
    await transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 });
    throw new Error("its own");
  });
  await assert.rejects(failing, { message: "its own" });
  assert.deepEqual(await registry.store.accounts.list(), []);
  await registry.close();
});
