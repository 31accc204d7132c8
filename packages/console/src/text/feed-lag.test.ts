import assert from "node:assert/strict";
import { test } from "node:test";
import { feedLag } from "./feed-lag.ts";

test("a node is up to date until it hasn't read the change feed for more than 5 seconds", () => {
  assert.equal(feedLag(null), undefined);
  assert.deepEqual(feedLag(0), { text: "up to date", isBehind: false });
  assert.deepEqual(feedLag(5), { text: "up to date", isBehind: false });
  assert.deepEqual(feedLag(5.6), { text: "6 seconds behind", isBehind: true });
  assert.deepEqual(feedLag(120), { text: "2 minutes behind", isBehind: true });
  assert.deepEqual(feedLag(86_400), { text: "a day behind, or more", isBehind: true });
});
