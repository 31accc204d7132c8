import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "./collect-garbage.ts";

test("memory that nothing refers to is freed", async () => {
  const weak = new WeakRef(Array.from({ length: 100_000 }, (_, number) => ({ number })));
  await collectGarbage();
  assert.equal(weak.deref(), undefined);
});
