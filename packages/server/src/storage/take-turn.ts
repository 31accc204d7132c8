import { createEventLoopTurns } from "../platform/event-loop-turns.ts";

/** Long reads await it between their parts, all of them the same one: in each turn of the event loop one part of one of them runs. */
export const takeTurn = createEventLoopTurns();
