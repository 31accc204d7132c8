import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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

test("the number of names is bounded: the window that began first is forgotten", () => {
  const counter = createWindowCounter<number>(60, 3);
  for (const name of [1, 2, 3]) counter.add(name, 0);
  // A window that begins anew is the last one.
  counter.add(1, 60_000);
  counter.add(4, 60_000);
  assert.deepEqual(
    [1, 2, 3, 4].map((name) => counter.find(name, 59_999)?.count),
    [1, undefined, 1, 1],
  );
});

test("of any number of names, nearly as many as fit are kept: the last ones", () => {
  const counter = createWindowCounter<number>(60, 100);
  for (let name = 0; name < 10_005; name++) counter.add(name, 0);
  const kept = Array.from({ length: 10_005 }, (_, name) => name).filter((name) => counter.find(name, 0) !== undefined);
  assert.deepEqual(
    kept,
    Array.from({ length: 95 }, (_, at) => 9910 + at),
  );
});

test("what is counted or looked up again needs no more memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const counter = createWindowCounter<string>(60, 50_000);
  const usedAfter = (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      counter.add("a", round * 60_000);
      counter.find("a", round * 60_000);
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = usedAfter(1000);
  assert.ok(usedAfter(300_000) - before < 5_000_000);
});
