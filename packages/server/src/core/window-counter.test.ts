import assert from "node:assert/strict";
import { test } from "node:test";
import { createWindowCounter } from "./window-counter.ts";

test("a window begins with a name's first count and ends exclusively", () => {
  const counter = createWindowCounter<string>(60, 10);
  assert.equal(counter.isEmpty(), true);
  assert.equal(counter.add("a", 1000), 1);
  assert.equal(counter.add("a", 60_999), 2);
  assert.deepEqual(counter.find("a", 60_999), { count: 2, endsAtMs: 61_000 });
  assert.equal(counter.find("a", 61_000), undefined);
  assert.equal(counter.add("a", 61_000), 1);
  assert.equal(counter.find("b", 61_000), undefined);
  assert.equal(counter.isEmpty(), false);
});

test("the number of names is bounded: the one used longest ago is forgotten", () => {
  const counter = createWindowCounter<number>(60, 3);
  for (const name of [1, 2, 3]) counter.add(name, 0);
  counter.find(1, 0);
  counter.add(4, 0);
  assert.deepEqual(
    [1, 2, 3, 4].map((name) => counter.find(name, 0)?.count),
    [1, undefined, 1, 1],
  );
});

test("of any number of names, the last ones are kept", () => {
  const counter = createWindowCounter<number>(60, 100);
  for (let name = 0; name < 10_000; name++) {
    counter.add(name, 0);
    counter.add(0, 0);
  }
  const kept = Array.from({ length: 10_000 }, (_, name) => name).filter((name) => counter.find(name, 0) !== undefined);
  assert.deepEqual(kept, [0, ...Array.from({ length: 99 }, (_, at) => 9901 + at)]);
  assert.equal(counter.find(0, 0)?.count, 10_001);
});
