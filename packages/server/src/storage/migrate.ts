import { type Kysely, sql, type Transaction } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "./schema.ts";
import { OperatorError } from "../core/operator-error.ts";

/** What a migration needs to know about the engine. */
export interface MigrationEngine {
  /** The column type of a generated primary key. */
  readonly autoIncrementId: string;
  /** The column type of bytes. */
  readonly binary: string;
  /** The clause that makes a text column order by bytes; empty if the engine does so by default. */
  readonly orderedByBytes: string;
  /** How a computed column that is added to a table is kept: stored, or computed when read. */
  readonly generated: "stored" | "virtual";
  /** SQL for a text member of a JSON object; null if the member is missing, or the column isn't JSON. */
  readonly jsonText: (column: string, member: string) => string;
  /** 16 random bytes from a cryptographic generator, in hex, as SQL. */
  readonly randomId: string;
  /** Statements that create the indexes of runs of three characters, see `Engine.idsWithRuns`. */
  readonly runsOfThree: readonly string[];
  /** Statements by which the planner comes to use them. */
  readonly runsMended: readonly string[];
  /** Locks out other migrations and changes until the transaction ends; without it, Kysely's own lock does. */
  readonly lock?: (transaction: Transaction<Database>) => Promise<void>;
}

/** Ordered by name; a released name never changes. Imported when they run: a store is usually up to date. */
const MIGRATIONS = {
  "0001-registry": () => import("./migrations/0001-registry.ts"),
  "0002-token-checks": () => import("./migrations/0002-token-checks.ts"),
  "0003-many-nodes": () => import("./migrations/0003-many-nodes.ts"),
  "0004-administration": () => import("./migrations/0004-administration.ts"),
  "0005-store-identity": () => import("./migrations/0005-store-identity.ts"),
  "0006-operators": () => import("./migrations/0006-operators.ts"),
  "0007-list-indexes": () => import("./migrations/0007-list-indexes.ts"),
  "0008-key-trust": () => import("./migrations/0008-key-trust.ts"),
  "0009-node-names": () => import("./migrations/0009-node-names.ts"),
  "0010-refusals-by-user": () => import("./migrations/0010-refusals-by-user.ts"),
  "0011-descriptions": () => import("./migrations/0011-descriptions.ts"),
  "0012-search": () => import("./migrations/0012-search.ts"),
  "0013-device-sign-ins": () => import("./migrations/0013-device-sign-ins.ts"),
  "0014-search-plan": () => import("./migrations/0014-search-plan.ts"),
} as const;

/** The newest migration. */
export const SCHEMA = Object.keys(MIGRATIONS).at(-1) ?? "none";

/** A newer release wrote the store, or its schema differs from the one that this release creates. */
export class SchemaError extends OperatorError {
  override readonly name = "SchemaError";
}

/**
 * Brings the store's schema up to date. The migrations and their record are one transaction under the engine's write lock, so that
 * processes that start at the same time don't run them twice.
 *
 * @throws {SchemaError} if the schema is newer than this release knows
 */
export async function migrate(db: Kysely<Database>, engine: MigrationEngine): Promise<void> {
  // This read takes no lock; the migrator takes the write lock even if there is nothing to do.
  if (await isCurrent(db)) return;
  const migrations: Record<string, Migration> = {};
  for (const [name, load] of Object.entries(MIGRATIONS)) {
    const { up } = await load();
    migrations[name] = { up: (target) => up(target, engine) };
  }
  const { Migrator } = await import("kysely/migration");
  const run = async (target: Kysely<Database>) => {
    const migrator = new Migrator({ db: target, provider: { getMigrations: () => Promise.resolve(migrations) } });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error instanceof Error ? error : new Error("unknown problem");
  };
  const { lock } = engine;
  try {
    if (lock === undefined) await run(db);
    else {
      await db.transaction().execute(async (transaction) => {
        await lock(transaction);
        // The same table as Kysely's. If Kysely failed to create it, its next query in the failed transaction would hide the cause.
        await sql`create table if not exists ${NOTED} (
          name varchar(255) not null primary key,
          timestamp varchar(255) not null
        )`.execute(transaction);
        await run(transaction);
      });
    }
  } catch (error) {
    throw schemaError(error);
  }
}

function schemaError(error: unknown): SchemaError {
  if (error instanceof Error && error.message.includes("is missing")) {
    return new SchemaError(
      "the store was written by a newer release of Countersign; start that release, or a newer one",
      {
        cause: error,
      },
    );
  }
  const problem = error instanceof Error ? error.message : "unknown problem";
  return new SchemaError(`the store's schema can't be brought up to date (${problem})`, { cause: error });
}

/** Kysely's own table, which records the migrations that ran. */
const NOTED = sql.table("kysely_migration");

/** How a store's schema differs from this release's: migrations by name. */
export interface SchemaGap {
  /** They haven't run. */
  readonly missing: readonly string[];
  /** They ran, and this release doesn't know them. */
  readonly unknown: readonly string[];
}

/** Compares the migrations that ran with those of this release. Changes nothing; a database without a store has run none. */
export async function findSchemaGap(db: Kysely<Database>): Promise<SchemaGap> {
  const known = Object.keys(MIGRATIONS);
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return { missing: known, unknown: [] };
  const { rows } = await sql<{ name: string }>`select name from ${NOTED}`.execute(db);
  const ran = rows.map(({ name }) => name);
  return {
    missing: known.filter((name) => !ran.includes(name)),
    unknown: ran.filter((name) => !known.includes(name)),
  };
}

async function isCurrent(db: Kysely<Database>): Promise<boolean> {
  const { missing, unknown } = await findSchemaGap(db);
  return missing.length === 0 && unknown.length === 0;
}
