import { setImmediate as turn } from "node:timers/promises";

/** Lets everything happen that can without time passing: some turns of the event loop, more than any answer needs. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn();
}
