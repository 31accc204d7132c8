import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFairQueue } from "./fair-queue.ts";
import { Refusal } from "./refusal.ts";

/** Work that ends when the test ends it, and the order in which it began. */
function workbench(bounds: { runningMax: number; waitingMax: number }) {
  const queue = createFairQueue(bounds);
  const started: string[] = [];
  const ends: (() => void)[] = [];
  let most = 0;
  let running = 0;
  return {
    started,
    most: () => most,
    add: (client: string, name: string): Promise<string> =>
      queue.run(client, async () => {
        started.push(name);
        running++;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => ends.push(resolve));
        running--;
        return name;
      }),
    /** Ends the oldest running work, and lets what follows begin. */
    endOne: async () => {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function isBusy(error: unknown): boolean {
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.code, "unavailable");
  assert.equal(error.detail.retryAfterSeconds, 1);
  return true;
}

describe("a fair queue", () => {
  test("runs a bounded amount of work at once, and all of it in the end", async () => {
    const { add, endOne, started, most } = workbench({ runningMax: 3, waitingMax: 100 });
    const all = Promise.all(Array.from({ length: 20 }, (_, at) => add("a", String(at))));
    for (let at = 0; at < 20; at++) await endOne();
    assert.deepEqual(
      await all,
      Array.from({ length: 20 }, (_, at) => String(at)),
    );
    assert.equal(most(), 3);
    assert.equal(started.length, 20);
  });

  test("gives each client its turn, however much work another has queued", async () => {
    const { add, endOne, started } = workbench({ runningMax: 1, waitingMax: 100 });
    const flood = Array.from({ length: 10 }, (_, at) => add("flood", `f${at}`));
    const honest = [add("a", "a0"), add("b", "b0"), add("a", "a1")];
    for (let at = 0; at < 13; at++) await endOne();
    await Promise.all([...flood, ...honest]);
    assert.deepEqual(started.slice(0, 6), ["f0", "f1", "a0", "b0", "f2", "a1"]);
  });

  test("drops the newest work of the client with the longest line when it is full", async () => {
    const { add, endOne, started } = workbench({ runningMax: 1, waitingMax: 3 });
    const first = add("flood", "f0");
    const waiting = [add("flood", "f1"), add("flood", "f2")];
    const last = add("flood", "f3");
    await assert.rejects(add("flood", "f4"), isBusy, "this client's line is the longest");
    const honest = add("a", "a0");
    await assert.rejects(last, isBusy, "dropped to make room");
    for (let at = 0; at < 4; at++) await endOne();
    await Promise.all([first, ...waiting, honest]);
    assert.deepEqual(started, ["f0", "f1", "a0", "f2"]);
  });

  test("continues after work that fails, synchronously or later", async () => {
    const queue = createFairQueue({ runningMax: 1, waitingMax: 10 });
    const failing = queue.run("a", () => Promise.reject(new Error("no")));
    const throwing = queue.run("a", () => {
      throw new Error("no");
    });
    const after = queue.run("a", () => Promise.resolve("yes"));
    await assert.rejects(failing, /no/);
    await assert.rejects(throwing, /no/);
    assert.equal(await after, "yes");
    assert.equal(await queue.run("b", () => Promise.resolve("free again")), "free again");
  });
});
