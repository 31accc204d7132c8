import assert from "node:assert/strict";
import { test } from "node:test";
import { createEventLoopTurns } from "./event-loop-turns.ts";

test("one waiter resumes in each turn of the event loop, in the order of arrival", async () => {
  const yieldToEventLoop = createEventLoopTurns();
  let turn = 0;
  const count = () => {
    turn++;
    if (turn < 50) setImmediate(count);
  };
  setImmediate(count);
  const went: [name: string, turn: number][] = [];
  const long = async (name: string, parts: number) => {
    for (let part = 0; part < parts; part++) {
      await yieldToEventLoop();
      went.push([name, turn]);
    }
  };
  await Promise.all([long("a", 3), long("b", 2), long("c", 1)]);
  assert.deepEqual(
    went.map(([name]) => name),
    ["a", "b", "c", "a", "b", "a"],
  );
  const turns = went.map(([, at]) => at);
  assert.equal(new Set(turns).size, went.length, `more than one in a turn: ${turns.join(", ")}`);
  await yieldToEventLoop();
});
