import { type Kysely, sql, type Transaction } from "kysely";
import type { LiveNode, NodeStore, NodeTransaction } from "../core/signing-keys/store.ts";
import type { Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";

/** The nodes that serve, outside of changes. */
export function nodeStore(db: Kysely<Database>, write: Write, engine: Engine): NodeStore {
  return {
    record: async ({ id, startedAtMs, version, signingKeys, publicUrl, hostName, feedLagMs }) => {
      const values = {
        seen_at_ms: engine.nowMs,
        version,
        signing_keys: signingKeys.join(","),
        public_url: publicUrl,
        host_name: hostName,
        feed_lag_ms: feedLagMs,
      };
      await write((transaction) =>
        transaction
          .insertInto("nodes")
          .values({ id, started_at_ms: startedAtMs, ...values })
          .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
          .execute(),
      );
    },
    remove: async (id) => {
      await write((transaction) => transaction.deleteFrom("nodes").where("id", "=", id).execute());
    },
    listLive: (withinMs) => listLiveNodes(db, engine, withinMs),
  };
}

/** The nodes that serve, within a change. */
export function nodeTransaction(db: Transaction<Database>, engine: Engine): NodeTransaction {
  return {
    listLive: (withinMs) => listLiveNodes(db, engine, withinMs),
  };
}

async function listLiveNodes(db: Kysely<Database>, engine: Engine, withinMs: number): Promise<readonly LiveNode[]> {
  const rows = await db
    .selectFrom("nodes")
    .selectAll()
    .where("seen_at_ms", ">=", sql<number>`${engine.nowMs} - ${withinMs}`)
    .orderBy("started_at_ms")
    .orderBy("id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    startedAtMs: row.started_at_ms,
    seenAtMs: row.seen_at_ms,
    version: row.version,
    signingKeys: row.signing_keys === "" ? [] : row.signing_keys.split(",").map(Number),
    publicUrl: row.public_url,
    hostName: row.host_name,
    feedLagMs: row.feed_lag_ms,
  }));
}
