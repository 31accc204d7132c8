import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "./collect-garbage.ts";

test("what nothing refers to any more is given back", async () => {
  const weak = new WeakRef(Array.from({ length: 100_000 }, (_, number) => ({ number })));
  await collectGarbage();
  assert.equal(weak.deref(), undefined);
});
