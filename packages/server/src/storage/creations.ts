import type { Transaction } from "kysely";
import type { CreationTransaction } from "../core/change/store.ts";
import { canBeStored } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** Remembered creations, within a change. */
export function creationTransaction(db: Transaction<Database>): CreationTransaction {
  return {
    find: async (principal, keyHash) => {
      if (!canBeStored(principal + keyHash)) return undefined;
      const row = await db
        .selectFrom("remembered_creations")
        .selectAll()
        .where("principal", "=", principal)
        .where("key_hash", "=", keyHash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { request_hash: requestHash, subject, created_at_ms: createdAtMs } = row;
      return { principal, keyHash, requestHash, subject, createdAtMs };
    },
    insert: async ({ principal, keyHash, requestHash, subject, createdAtMs }) => {
      await db
        .insertInto("remembered_creations")
        .values({ principal, key_hash: keyHash, request_hash: requestHash, subject, created_at_ms: createdAtMs })
        .execute();
    },
  };
}
