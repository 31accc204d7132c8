import assert from "node:assert/strict";
import { test } from "node:test";
import { createSlots } from "./slots.ts";
import { settle } from "./testing/settle.ts";

const never = new AbortController().signal;

test("no more places are taken than there are, and who waits gets one in the order of coming", async () => {
  const slots = createSlots(2);
  const entered: string[] = [];
  const enter = async (name: string) => {
    const leave = await slots.enter(never);
    entered.push(name);
    return leave;
  };
  const [leaveA, leaveB] = await Promise.all([enter("a"), enter("b")]);
  const [c, d] = [enter("c"), enter("d")];
  await settle();
  assert.deepEqual(entered, ["a", "b"]);
  leaveB();
  (await c)();
  (await d)();
  leaveA();
  assert.deepEqual(entered, ["a", "b", "c", "d"]);
  await Promise.all([enter("e"), enter("f")]);
  assert.deepEqual(entered, ["a", "b", "c", "d", "e", "f"]);
});

test("who gives up waiting takes no place", async () => {
  const slots = createSlots(1);
  const leave = await slots.enter(never);
  const controller = new AbortController();
  const impatient = slots.enter(controller.signal);
  const patient = slots.enter(never);
  controller.abort(new Error("too long"));
  await assert.rejects(impatient, /too long/);
  await assert.rejects(slots.enter(controller.signal), /too long/);
  leave();
  (await patient)();
  await slots.enter(never);
});
