import type { Kysely, Transaction } from "kysely";
import type { RecoveryCodeStore, RecoveryCodeTransaction } from "../core/operators/store.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** Recovery codes, outside of changes. */
export function recoveryCodeStore(db: Kysely<Database>): RecoveryCodeStore {
  return {
    count: async (operatorId) => {
      if (!canBeId(operatorId)) return 0;
      const { count } = await db
        .selectFrom("recovery_codes")
        .select((row) => row.fn.countAll().as("count"))
        .where("operator_id", "=", operatorId)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
  };
}

/** Recovery codes, within a change. */
export function recoveryCodeTransaction(db: Transaction<Database>): RecoveryCodeTransaction {
  return {
    replace: async (operatorId, hashes) => {
      await db.deleteFrom("recovery_codes").where("operator_id", "=", operatorId).execute();
      if (hashes.length === 0) return;
      await db
        .insertInto("recovery_codes")
        .values(hashes.map((hash) => ({ operator_id: operatorId, code_hash: hash })))
        .execute();
    },
    // Of several concurrent uses, only one removes the row.
    use: async (operatorId, hash) => {
      if (!canBeId(operatorId) || !canBeStored(hash)) return false;
      const { numDeletedRows } = await db
        .deleteFrom("recovery_codes")
        .where("operator_id", "=", operatorId)
        .where("code_hash", "=", hash)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
  };
}
