import { setTimeout } from "node:timers/promises";
import type { Pause } from "../core/surroundings.ts";

/** A timer that doesn't keep the process alive. */
export const pause: Pause = (milliseconds, signal) => wait(milliseconds, signal, false);

/** A timer that keeps the process alive, for a command that must come to its end. */
export const pauseAwake: Pause = (milliseconds, signal) => wait(milliseconds, signal, true);

async function wait(milliseconds: number, signal: AbortSignal | undefined, ref: boolean): Promise<void> {
  // Aborting rejects it.
  await setTimeout(milliseconds, undefined, { signal, ref }).catch(() => undefined);
}
