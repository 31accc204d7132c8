import { type Kysely, sql, type Transaction } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type { KeyAuditStore, KeyAuditTransaction } from "../core/keys/audit/store.ts";
import type { KeyId, Weakness } from "../core/keys/model.ts";
import { selectKeys, toKey } from "./rows.ts";
import type { Database } from "./schema.ts";

/** What the audit of stored keys reads. */
export function keyAuditStore(db: Kysely<Database>): KeyAuditStore {
  return {
    listById: async (after, limit) => {
      const rows = await selectKeys(db)
        .select("api_users.account_id as user_account_id")
        .where(
          "public_keys.id",
          "in",
          sql<number>`(select id from public_keys where id > ${after} order by id limit ${limit})`,
        )
        .orderBy("public_keys.id")
        .execute();
      return rows.map((row) => ({ ...toKey(row), accountId: row.user_account_id as AccountId }));
    },
    listIncomplete: async (after, limit) => {
      const rows = await db
        .selectFrom("public_keys")
        .select(["id", "spki"])
        .where("modulus_hash", "=", "")
        .where("id", ">", after)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(({ id, spki }) => ({ id: id as KeyId, spki }));
    },
    countWeak: async () => {
      const rows = await db
        .selectFrom("public_keys")
        .select(["weakness", (row) => row.fn.countAll().as("count")])
        .where("weakness", "is not", null)
        .where("status", "!=", "revoked")
        .groupBy("weakness")
        .execute();
      return new Map(rows.map(({ weakness, count }) => [weakness as Weakness, Number(count)]));
    },
  };
}

/** What the audit of stored keys writes. */
export function keyAuditTransaction(db: Transaction<Database>): KeyAuditTransaction {
  return {
    // Only an incomplete key is changed. The day is the one from which the lists of unused keys count.
    complete: async (id, modulusHash) => {
      await db
        .updateTable("public_keys")
        .set({
          modulus_hash: modulusHash,
          account_id: sql<number>`(select account_id from api_users where api_users.id = public_keys.user_id)`,
          idle_since_day: sql<number>`coalesce(
            (select last_used_at_ms from key_usage where key_usage.key_id = public_keys.id), created_at_ms) / 86400000`,
        })
        .where("id", "=", id)
        .where("modulus_hash", "=", "")
        .execute();
    },
    setWeakness: async (id, weakness) => {
      await db.updateTable("public_keys").set({ weakness }).where("id", "=", id).execute();
    },
  };
}
