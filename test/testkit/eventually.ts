import { setTimeout as wait } from "node:timers/promises";

/**
 * Asks again and again until the answer is a value, and returns it.
 *
 * @param ask gives `undefined` for "not yet"
 * @throws once `withinMs` have passed without a value
 */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | undefined> | Value | undefined,
  withinMs = 60_000,
): Promise<Value> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > deadlineMs) throw new Error(`Waited ${withinMs} ms in vain: ${what}.`);
    await wait(10);
  }
}
