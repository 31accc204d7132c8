import type { Random } from "../../core/surroundings.ts";

const ID_BYTES = 12;
const ID_LENGTH = ID_BYTES * 2;

/** How many ids are made in one call, because a call costs far more than the bytes. */
const IDS_PER_DRAW = 256;

/**
 * Makes request ids of 96 random bits, in hex. They are unique across processes and restarts. A counter would reveal the
 * service's traffic.
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
