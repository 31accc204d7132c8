import type { Random } from "../core/surroundings.ts";

/** Makes request ids: unique over processes and restarts (64 random bits a process), and cheap (a counter behind them). */
export function createRequestIds(random: Random): () => string {
  const prefix = random.bytes(8).toString("hex");
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}
