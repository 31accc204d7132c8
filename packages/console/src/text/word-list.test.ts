import assert from "node:assert/strict";
import { test } from "node:test";
import { areSameWords, parseWords, wordsText } from "./word-list.ts";

test("words are read whatever separates them, and shown one on each line", () => {
  const networks = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"];
  for (const text of [networks.join("\n"), " 192.0.2.0/24,2001:db8::/32 ,\r\n198.51.100.7\n\n", wordsText(networks)]) {
    assert.deepEqual(parseWords(text), networks);
  }
  assert.deepEqual(parseWords(" \n"), []);
});

test("lists of words are the same in the same order only", () => {
  assert.ok(areSameWords(["192.0.2.0/24"], ["192.0.2.0/24"]));
  assert.ok(!areSameWords(["192.0.2.0/24"], []));
  assert.ok(!areSameWords(["192.0.2.0/24", "::1"], ["::1", "192.0.2.0/24"]));
});
