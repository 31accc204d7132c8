import { type Kysely, sql, type Transaction } from "kysely";
import type { HighestIds, Store, StoreTransaction } from "../core/store/store.ts";
import type { Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";

/** The tables whose ids are remembered beside the store. Signing keys aren't among them: the code that creates a key numbers it. */
const TABLES = {
  accounts: "accounts",
  users: "api_users",
  keys: "public_keys",
  resourceServers: "resource_servers",
  operators: "operators",
  adminTokens: "admin_tokens",
} as const satisfies Record<Exclude<keyof HighestIds, "signingKeys">, keyof Database>;

/** The store's identity, and its latest ids. */
export function identityStore(
  db: Kysely<Database>,
  write: Write,
): Pick<Store, "storeId" | "storeIdentity" | "highestIds" | "noteRemembered"> {
  return {
    storeId: () => readStoreId(db),
    storeIdentity: async () => {
      const row = await db.selectFrom("store_identity").selectAll().executeTakeFirstOrThrow();
      return {
        id: row.id,
        previousId: row.previous_id,
        backupAtMs: row.backup_at_ms,
        isRemembered: row.is_remembered === 1,
      };
    },
    noteRemembered: async () => {
      await write((transaction) => transaction.updateTable("store_identity").set({ is_remembered: 1 }).execute());
    },
    highestIds: async () => {
      const highest = (table: string, column: string) =>
        sql`(select coalesce(max(${sql.ref(column)}), 0) from ${sql.table(table)}) as ${sql.ref(table)}`;
      const columns = [
        ...Object.values(TABLES).map((table) => highest(table, "id")),
        highest("signing_keys", "number"),
      ];
      const { rows } = await sql<Record<string, number>>`select ${sql.join(columns)}`.execute(db);
      const of = (table: string) => rows[0]?.[table] ?? 0;
      return {
        accounts: of("accounts"),
        users: of("api_users"),
        keys: of("public_keys"),
        resourceServers: of("resource_servers"),
        operators: of("operators"),
        adminTokens: of("admin_tokens"),
        signingKeys: of("signing_keys"),
      };
    },
  };
}

export function identityTransaction(
  db: Transaction<Database>,
  engine: Pick<Engine, "continueIds">,
): Pick<StoreTransaction, "storeId" | "renewStoreId" | "raiseIds"> {
  return {
    storeId: () => readStoreId(db),
    renewStoreId: async (id) => {
      await db
        .updateTable("store_identity")
        .set((row) => ({ id, previous_id: row.ref("id"), backup_at_ms: null }))
        .execute();
    },
    raiseIds: async (ids) => {
      for (const [kind, table] of Object.entries(TABLES)) {
        await engine.continueIds(db, table, ids[kind as keyof typeof TABLES]);
      }
    },
  };
}

async function readStoreId(db: Kysely<Database>): Promise<string> {
  return (await db.selectFrom("store_identity").select("id").executeTakeFirstOrThrow()).id;
}
