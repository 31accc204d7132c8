import assert from "node:assert/strict";
import { test } from "node:test";
import { createSigningKeyFigures } from "./signing-key-figures.ts";

test("signing keys are counted by state, and the newest active one says since when it signs", async () => {
  const key = (number: number, activatedAtMs: number | null, retiredAtMs: number | null = null) => ({
    number,
    masterFingerprint: "0011223344556677",
    createdAtMs: 0,
    activatedAtMs,
    retiredAtMs,
  });
  const keys = [key(1, 10, 90), key(2, 20), key(3, 30), key(4, null), key(5, null, 95)];
  const figures = createSigningKeyFigures({ list: () => Promise.resolve(keys) }, { monotonicMs: () => 0 });
  assert.deepEqual(await figures(), { waiting: 1, active: 2, retired: 2, signsSinceMs: 30 });
});
