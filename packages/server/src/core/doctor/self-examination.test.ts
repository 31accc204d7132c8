import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClock } from "../../testing/test-clock.ts";
import { reportOf } from "./run-checks.ts";
import { createSelfExamination } from "./self-examination.ts";

test("one examination answers everybody who asks while it runs and for ten seconds from its beginning", async () => {
  const clock = createTestClock();
  let begun = 0;
  let end = Promise.withResolvers<void>();
  const examine = createSelfExamination(async () => {
    begun++;
    await end.promise;
    return reportOf([]);
  }, clock);
  const first = examine();
  // However long it takes.
  clock.advanceSeconds(60);
  clock.advanceMonotonicMs(60_000);
  const second = examine();
  end.resolve();
  assert.equal(await first, await second);
  assert.equal(begun, 1);
  end = Promise.withResolvers<void>();
  end.resolve();
  const third = await examine();
  assert.equal(begun, 2);
  assert.equal(await examine(), third);
  clock.advanceMonotonicMs(10_000);
  assert.notEqual(await examine(), third);
});

test("an examination that fails isn't the answer to a later request", async () => {
  let times = 0;
  const examine = createSelfExamination(async () => {
    if (times++ === 0) throw new Error("a defect");
    return reportOf([]);
  }, createTestClock());
  await assert.rejects(examine(), /a defect/);
  assert.equal((await examine()).report.status, "ok");
});
