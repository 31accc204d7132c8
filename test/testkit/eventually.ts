import { setTimeout as wait } from "node:timers/promises";

/**
 * How long a condition is awaited, in milliseconds. Far longer than any takes: it only keeps a broken test from
 * hanging.
 */
const WAIT_MS_MAX = 60_000;

/** The pause between two attempts, in milliseconds. */
const LOOK_MS = 5;

/**
 * Calls `ask` until it returns a value, and returns that. Unlike a sleep, it continues as soon as there is one.
 *
 * @param what for the error's message
 * @param ask gives `undefined` or `false` for "not yet"
 * @throws once `withinMs` have passed without a value
 */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | false | undefined> | Value | false | undefined,
  withinMs = WAIT_MS_MAX,
): Promise<Value> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadlineMs) throw new Error(`Waited ${withinMs} ms in vain: ${what}.`);
    await wait(LOOK_MS);
  }
}

/** The same for a condition whose source is its description. */
export async function until(condition: () => Promise<boolean> | boolean, withinMs?: number): Promise<void> {
  await eventually(condition.toString(), condition, withinMs);
}
