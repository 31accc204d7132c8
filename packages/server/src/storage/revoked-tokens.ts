import type { Kysely, Transaction } from "kysely";
import type { RevokedTokenStore, RevokedTokenTransaction } from "../core/token/store.ts";
import { toRevokedToken } from "./rows.ts";
import type { Database } from "./schema.ts";

/** The deny-list, outside of changes. */
export function revokedTokenStore(db: Kysely<Database>): RevokedTokenStore {
  return {
    has: async ({ keyId, nonce, expiresAtSeconds }) => {
      const row = await db
        .selectFrom("revoked_tokens")
        .select("id")
        .where("key_id", "=", keyId)
        .where("nonce", "=", nonce)
        .where("expires_at_s", "=", expiresAtSeconds)
        .executeTakeFirst();
      return row !== undefined;
    },
    list: async (fromSeconds, after, limit) => {
      const rows = await db
        .selectFrom("revoked_tokens")
        .selectAll()
        .where("id", ">", after)
        .where("expires_at_s", ">=", fromSeconds)
        .orderBy("id")
        .limit(limit)
        .execute();
      return { tokens: rows.map(toRevokedToken), next: rows.at(-1)?.id ?? after };
    },
  };
}

/** The deny-list, within a change. */
export function revokedTokenTransaction(db: Transaction<Database>): RevokedTokenTransaction {
  return {
    count: async (userId, nowSeconds, max) => {
      const { count } = await db
        .selectFrom((rows) =>
          rows
            .selectFrom("revoked_tokens")
            .select("id")
            .where("user_id", "=", userId)
            // The column holds whole seconds, so rounding the time down gives the same result.
            .where("expires_at_s", ">", Math.floor(nowSeconds))
            .limit(max)
            .as("live"),
        )
        .select((row) => row.fn.countAll().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    insert: async ({ userId, keyId, nonce, expiresAtSeconds }) => {
      const inserted = await db
        .insertInto("revoked_tokens")
        .values({ user_id: userId, key_id: keyId, nonce, expires_at_s: expiresAtSeconds })
        .onConflict((conflict) => conflict.columns(["key_id", "nonce", "expires_at_s"]).doNothing())
        .returning("id")
        .executeTakeFirst();
      return inserted !== undefined;
    },
  };
}
