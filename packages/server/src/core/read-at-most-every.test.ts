import assert from "node:assert/strict";
import { test } from "node:test";
import { readAtMostEvery } from "./read-at-most-every.ts";

test("a read is shared until it is due again, and a failure is undefined until then", async () => {
  let monotonicMs = 0;
  let reads = 0;
  let isBroken = false;
  const read = readAtMostEvery(1000, { monotonicMs: () => monotonicMs }, () => {
    reads++;
    return isBroken ? Promise.reject(new Error("the store is away")) : Promise.resolve(reads);
  });
  assert.deepEqual(await Promise.all([read(), read()]), [1, 1]);
  monotonicMs = 999;
  assert.equal(await read(), 1);
  isBroken = true;
  monotonicMs = 1000;
  assert.equal(await read(), undefined);
  isBroken = false;
  assert.equal(await read(), undefined);
  monotonicMs = 2000;
  assert.equal(await read(), 3);
});
