import type { Random } from "../../core/surroundings.ts";

const ID_BYTES = 12;
const ID_LENGTH = ID_BYTES * 2;

/** How many ids are drawn and written at once: one call costs far more than the bytes it returns. */
const IDS_PER_DRAW = 256;

/**
 * Makes request ids: 96 random bits each, in hex. They are unique over processes and restarts, and say nothing of the requests
 * before: a counter would tell a stranger how much traffic the service has.
 */
export function createRequestIds(random: Random): () => string {
  let pool = "";
  let next = 0;
  return () => {
    if (next === pool.length) {
      pool = random.bytes(ID_BYTES * IDS_PER_DRAW).toString("hex");
      next = 0;
    }
    const id = pool.slice(next, next + ID_LENGTH);
    next += ID_LENGTH;
    return id;
  };
}
