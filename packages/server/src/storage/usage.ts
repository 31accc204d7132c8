import { type Kysely, sql } from "kysely";
import type { UsageStore } from "../core/keys/usage-store.ts";
import { canBeId } from "./bounds.ts";
import { chunksOf, ROWS_PER_INSERT } from "./chunks.ts";
import type { Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";
import { liveTokens, usageHours } from "./usage-queries.ts";

/** Usage of keys, outside of changes. */
export function usageStore(db: Kysely<Database>, write: Write, engine: Engine): UsageStore {
  return {
    record: (usage) => engine.recordKeyUsage(usage),
    keyHours: async (keyId, fromSeconds) => {
      if (!canBeId(keyId)) return [];
      const rows = await db
        .selectFrom("key_usage_hours")
        .select(["hour_s", "tokens"])
        .where("key_id", "=", keyId)
        .where("hour_s", ">=", fromSeconds)
        .orderBy("hour_s")
        .execute();
      return rows.map(({ hour_s: hourSeconds, tokens }) => ({ hourSeconds, tokens }));
    },
    recordRefusals: async (refusals) => {
      if (refusals.length === 0) return;
      // Sorted: nodes that write the same rows in different orders could deadlock.
      const rows = refusals
        .toSorted((a, b) => a.hourSeconds - b.hourSeconds || (a.code < b.code ? -1 : 1))
        .map(({ hourSeconds, code, refusals: count }) => ({ hour_s: hourSeconds, code, refusals: count }));
      await write((transaction) =>
        transaction
          .insertInto("refusal_hours")
          .values(rows)
          .onConflict((conflict) =>
            conflict.columns(["hour_s", "code"]).doUpdateSet((row) => ({
              refusals: row("refusal_hours.refusals", "+", row.ref("excluded.refusals")),
            })),
          )
          .execute(),
      );
    },
    refusals: async (fromSeconds) => {
      const rows = await db
        .selectFrom("refusal_hours")
        .where("hour_s", ">=", fromSeconds)
        .groupBy("code")
        .select(["code", sql<number>`cast(sum(refusals) as bigint)`.as("refusals")])
        .orderBy("refusals", "desc")
        .orderBy("code")
        .execute();
      return rows.map(({ code, refusals }) => ({ code, refusals }));
    },
    recordUserRefusals: async (refusals) => {
      if (refusals.length === 0) return;
      // Sorted: nodes that write the same rows in different orders could deadlock.
      const rows = refusals
        .toSorted((a, b) => a.userId - b.userId || a.hourSeconds - b.hourSeconds || (a.code < b.code ? -1 : 1))
        .map(({ userId, hourSeconds, code, refusals: count }) => ({
          user_id: userId,
          hour_s: hourSeconds,
          code,
          refusals: count,
        }));
      await write(async (transaction) => {
        for (const part of chunksOf(rows, ROWS_PER_INSERT)) {
          await transaction
            .insertInto("user_refusal_hours")
            .values(part)
            .onConflict((conflict) =>
              conflict.columns(["user_id", "hour_s", "code"]).doUpdateSet((row) => ({
                refusals: row("user_refusal_hours.refusals", "+", row.ref("excluded.refusals")),
              })),
            )
            .execute();
        }
      });
    },
    userRefusals: async (userId, fromSeconds) => {
      if (!canBeId(userId)) return [];
      const rows = await db
        .selectFrom("user_refusal_hours")
        .where("user_id", "=", userId)
        .where("hour_s", ">=", fromSeconds)
        .groupBy("code")
        .select((row) => [
          "code",
          sql<number>`cast(sum(refusals) as bigint)`.as("refusals"),
          row.fn.max("hour_s").as("hour_s"),
        ])
        .orderBy("refusals", "desc")
        .orderBy("code")
        .execute();
      return rows.map(({ code, refusals, hour_s: hourSeconds }) => ({ code, refusals, hourSeconds }));
    },
    hours: (scope, fromSeconds, untilSeconds) => usageHours(db, scope, fromSeconds, untilSeconds),
    liveTokens: (scope, nowSeconds, limit) => liveTokens(db, scope, nowSeconds, limit),
  };
}
