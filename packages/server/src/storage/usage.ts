import type { Kysely } from "kysely";
import type { UsageStore } from "../core/keys/usage-store.ts";
import { canBeId } from "./bounds.ts";
import type { Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import { liveTokens, usageHours } from "./usage-queries.ts";

/** Usage of keys, outside of changes. */
export function usageStore(db: Kysely<Database>, engine: Engine): UsageStore {
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
    hours: (scope, fromSeconds, untilSeconds) => usageHours(db, scope, fromSeconds, untilSeconds),
    liveTokens: (scope, nowSeconds, limit) => liveTokens(db, scope, nowSeconds, limit),
  };
}
