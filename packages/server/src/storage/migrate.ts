import { type Kysely, sql } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import * as registry from "./migrations/0001-registry.ts";
import * as tokenChecks from "./migrations/0002-token-checks.ts";
import * as manyNodes from "./migrations/0003-many-nodes.ts";
import type { Database } from "./schema.ts";

/** What a migration needs to know of the engine. */
export interface MigrationEngine {
  /** The column type of a generated primary key. */
  readonly autoIncrementId: string;
  /** The column type of bytes. */
  readonly binary: string;
}

/** In the order of their names; a name is never changed once released. */
const MIGRATIONS = {
  "0001-registry": registry,
  "0002-token-checks": tokenChecks,
  "0003-many-nodes": manyNodes,
} as const;

/** The store was written by a newer release, or its schema isn't what this release makes of it. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/**
 * Brings the store's schema up to date. The migrations and the record of them are one transaction under the engine's write
 * lock, so that processes that start at once don't run them twice.
 *
 * @throws {SchemaError} where the schema is newer than this release knows
 */
export async function migrate(db: Kysely<Database>, engine: MigrationEngine): Promise<void> {
  // A look costs no lock; the migrator takes the write lock even where there is nothing to do.
  if (await isCurrent(db)) return;
  const migrations: Record<string, Migration> = {};
  for (const [name, { up }] of Object.entries(MIGRATIONS)) migrations[name] = { up: (target) => up(target, engine) };
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof Error && error.message.includes("is missing")) {
    throw new SchemaError(
      "the store was written by a newer release of Countersign; start that release, or a newer one",
      {
        cause: error,
      },
    );
  }
  const problem = error instanceof Error ? error.message : "unknown problem";
  throw new SchemaError(`the store's schema can't be brought up to date (${problem})`, { cause: error });
}

/** Kysely's own table, in which it notes what ran. */
const NOTED = sql.table("kysely_migration");

async function isCurrent(db: Kysely<Database>): Promise<boolean> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return false;
  const { rows } = await sql<{ name: string }>`select name from ${NOTED}`.execute(db);
  const known = Object.keys(MIGRATIONS);
  return rows.length === known.length && rows.every(({ name }) => known.includes(name));
}
