import type { AssertionStore } from "../core/oauth/store.ts";
import type { Write } from "./write.ts";

/** Used assertions, outside of changes. */
export function assertionStore(write: Write): AssertionStore {
  return {
    // One statement for all: it returns exactly the rows that it inserted, even while other nodes insert the same ones.
    use: async (assertions) => {
      if (assertions.length === 0) return [];
      // Sorted: nodes that insert the same rows in different orders could deadlock.
      const sorted = assertions.toSorted((a, b) => a.userId - b.userId || (a.jtiHash < b.jtiHash ? -1 : 1));
      const inserted = await write((transaction) =>
        transaction
          .insertInto("used_assertions")
          .values(
            sorted.map(({ userId, jtiHash, expiresAtSeconds }) => ({
              user_id: userId,
              jti_hash: jtiHash,
              expires_at_s: expiresAtSeconds,
            })),
          )
          .onConflict((conflict) => conflict.columns(["user_id", "jti_hash"]).doNothing())
          .returning(["user_id", "jti_hash"])
          .execute(),
      );
      // If the batch holds an assertion twice, the first one counts as inserted.
      const first = new Set(inserted.map((row) => `${row.user_id} ${row.jti_hash}`));
      return assertions.map(({ userId, jtiHash }) => first.delete(`${userId} ${jtiHash}`));
    },
  };
}
