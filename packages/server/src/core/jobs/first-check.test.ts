import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestRegistry } from "../../testing/test-registry.ts";
import { createFirstCheckNote, findFirstCheck } from "./first-check.ts";

test("the first active token that a check finds is noted once for all nodes, and kept", async () => {
  const registry = await openTestRegistry();
  try {
    const { store, clock } = registry;
    const other = await registry.connect();
    let hasFound = false;
    const note = createFirstCheckNote({ jobs: store.jobs, clock }, "node 1", () => hasFound);
    await note();
    assert.equal(await findFirstCheck(store.jobs), null);
    hasFound = true;
    const firstMs = clock.wallMs();
    await note();
    assert.equal(await findFirstCheck(other.jobs), firstMs);
    clock.advanceSeconds(60);
    await createFirstCheckNote({ jobs: other.jobs, clock }, "node 2", () => true)();
    await note();
    assert.equal(await findFirstCheck(store.jobs), firstMs);
  } finally {
    await registry.close();
  }
});
