import type { Transaction } from "kysely";
import type { ChallengeTransaction } from "../core/challenges/store.ts";
import type { Database } from "./schema.ts";

/** Used challenges, within a change. */
export function challengeTransaction(db: Transaction<Database>): ChallengeTransaction {
  return {
    // Returns a row only if it was inserted now.
    use: async ({ hash, expiresAtMs }) => {
      const inserted = await db
        .insertInto("used_challenges")
        .values({ hash, expires_at_ms: expiresAtMs })
        .onConflict((conflict) => conflict.column("hash").doNothing())
        .returning("hash")
        .executeTakeFirst();
      return inserted !== undefined;
    },
  };
}
