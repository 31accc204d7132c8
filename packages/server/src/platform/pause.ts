import { setTimeout } from "node:timers/promises";
import type { Pause } from "../core/surroundings.ts";

/** A timer that doesn't keep the process alive. */
export const pause: Pause = async (milliseconds, signal) => {
  // Aborting rejects it.
  await setTimeout(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
};
