import { randomFillSync } from "node:crypto";
import type { Random } from "../core/surroundings.ts";

/** How many bytes to draw in one call, because a call costs far more than the bytes. */
const POOL_BYTES = 4096;

/** The system's generator, drawn in pools. No byte is returned twice, and used bytes are wiped. */
export function createSystemRandom(): Random {
  const pool = Buffer.alloc(POOL_BYTES);
  let next = POOL_BYTES;
  return {
    uint32() {
      if (next + 4 > POOL_BYTES) {
        randomFillSync(pool);
        next = 0;
      }
      const value = pool.readUInt32BE(next);
      pool.writeUInt32BE(0, next);
      next += 4;
      return value;
    },
    bytes: (length) => randomFillSync(Buffer.alloc(length)),
  };
}
