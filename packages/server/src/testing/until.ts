import { setTimeout } from "node:timers/promises";

/** How long a condition is waited for, in milliseconds. */
const WAIT_MS_MAX = 60_000;

/** Looks every few milliseconds whether a condition holds; that is no sleep, since it goes on as soon as it does. */
export async function until(condition: () => boolean | Promise<boolean>, waitMsMax = WAIT_MS_MAX): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAtMs > waitMsMax)
      throw new Error(`not so after ${waitMsMax} ms: ${condition.toString()}`);
    await setTimeout(5);
  }
}
