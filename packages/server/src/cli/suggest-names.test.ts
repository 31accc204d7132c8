import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance } from "../core/edit-distance.ts";

test("the edit distance counts insertions, deletions, replacements and exchanged neighbours", () => {
  for (const [one, other, distance] of [
    ["", "", 0],
    ["", "abc", 3],
    ["demo", "demo", 0],
    ["demo", "dmo", 1],
    ["demo", "deemo", 1],
    ["demo", "demi", 1],
    ["demo", "deom", 1],
    ["acme", "orders", 5],
  ] as const) {
    assert.equal(editDistance(one, other), distance, `${one}, ${other}`);
    assert.equal(editDistance(other, one), distance, `${other}, ${one}`);
  }
});
