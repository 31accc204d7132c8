import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance } from "../core/edit-distance.ts";
import { suggestNames } from "./suggest-names.ts";

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

test("a word that is too long for a name is like none", async () => {
  const names = { accounts: { list: () => Promise.resolve([{ shortname: "acme" }]) } };
  const suggest = (name: string) =>
    suggestNames(names as unknown as Parameters<typeof suggestNames>[0], { kind: "account", name });
  assert.deepEqual(await suggest("acne"), ["acme"]);
  // So long that a distance in 16 bits would begin again at 0.
  assert.deepEqual(await suggest("a".repeat(65_540)), []);
});
