import { sql } from "kysely";
import type { SignInAttemptStore } from "../core/operators/store.ts";
import type { Write } from "./write.ts";

/** Attempts to sign in, outside of changes. */
export function signInAttemptStore(write: Write): SignInAttemptStore {
  return {
    // One statement, so that no two concurrent attempts get the same number, on any node. A window that ends later than one that
    // begins now was begun by a wrong clock.
    count: (nameHash, nowMs, windowMs) =>
      write(async (transaction) => {
        const isOver = sql<boolean>`(sign_in_attempts.ends_at_ms <= ${nowMs} or sign_in_attempts.ends_at_ms > ${nowMs + windowMs})`;
        const { failures, ends_at_ms: endsAtMs } = await transaction
          .insertInto("sign_in_attempts")
          .values({ name_hash: nameHash, failures: 1, ends_at_ms: nowMs + windowMs })
          .onConflict((conflict) =>
            conflict.column("name_hash").doUpdateSet({
              failures: sql<number>`case when ${isOver} then 1 else sign_in_attempts.failures + 1 end`,
              ends_at_ms: sql<number>`case when ${isOver} then excluded.ends_at_ms else sign_in_attempts.ends_at_ms end`,
            }),
          )
          .returning(["failures", "ends_at_ms"])
          .executeTakeFirstOrThrow();
        return { failures, endsAtMs };
      }),
    takeBack: async (nameHash) => {
      await write((transaction) =>
        transaction
          .updateTable("sign_in_attempts")
          .set({ failures: sql<number>`failures - 1` })
          .where("name_hash", "=", nameHash)
          .where("failures", ">", 0)
          .execute(),
      );
    },
  };
}
