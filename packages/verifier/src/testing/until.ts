import { setImmediate as turn } from "node:timers/promises";

/** Only keeps a broken test from hanging, in milliseconds. */
const DEADLINE_MS = 60_000;

/** Lets the event loop turn until the condition holds. @throws where it doesn't come to hold */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain: ${what}.`);
    await turn();
  }
}

/** Lets everything happen that can without time passing: some turns of the event loop, more than any answer needs. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn();
}
