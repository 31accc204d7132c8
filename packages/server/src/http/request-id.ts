import type { Random } from "../core/surroundings.ts";

const ID_BYTES = 12;

/** How many ids are drawn at once: a draw costs far more than the bytes that it brings. */
const IDS_PER_DRAW = 256;

/**
 * Makes request ids: 96 random bits each, in hex. They are unique over processes and restarts, and say nothing of the requests
 * before: a counter would tell a stranger how much traffic the service has.
 */
export function createRequestIds(random: Random): () => string {
  let pool: Buffer = Buffer.alloc(0);
  let next = 0;
  return () => {
    if (next === pool.length) {
      pool = random.bytes(ID_BYTES * IDS_PER_DRAW);
      next = 0;
    }
    const id = pool.toString("hex", next, next + ID_BYTES);
    next += ID_BYTES;
    return id;
  };
}
