import { type Kysely, sql, type Transaction } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import * as registry from "./migrations/0001-registry.ts";
import * as tokenChecks from "./migrations/0002-token-checks.ts";
import * as manyNodes from "./migrations/0003-many-nodes.ts";
import * as administration from "./migrations/0004-administration.ts";
import * as storeIdentity from "./migrations/0005-store-identity.ts";
import * as operators from "./migrations/0006-operators.ts";
import * as listIndexes from "./migrations/0007-list-indexes.ts";
import type { Database } from "./schema.ts";
import { OperatorError } from "../core/operator-error.ts";

/** What a migration needs to know of the engine. */
export interface MigrationEngine {
  /** The column type of a generated primary key. */
  readonly autoIncrementId: string;
  /** The column type of bytes. */
  readonly binary: string;
  /** What a text column says where the engine would order it by a language; nothing where it orders by bytes. */
  readonly orderedByBytes: string;
  /** How a computed column that is added to a table is kept. */
  readonly generated: "stored" | "virtual";
  /** A text in an object in JSON, as SQL; null where there is none, or no JSON. */
  readonly jsonText: (column: string, member: string) => string;
  /** 16 random bytes from a cryptographic generator, in hex, as SQL. */
  readonly randomId: string;
  /** Keeps others that migrate, and changes, out until the transaction ends; without it, Kysely's own lock does. */
  readonly lock?: (transaction: Transaction<Database>) => Promise<void>;
}

/** In the order of their names; a name is never changed once released. */
const MIGRATIONS = {
  "0001-registry": registry,
  "0002-token-checks": tokenChecks,
  "0003-many-nodes": manyNodes,
  "0004-administration": administration,
  "0005-store-identity": storeIdentity,
  "0006-operators": operators,
  "0007-list-indexes": listIndexes,
} as const;

/** The store was written by a newer release, or its schema isn't what this release makes of it. */
export class SchemaError extends OperatorError {
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
        // As Kysely has it, which would try, ask again in a transaction that has failed, and hide the cause.
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

/** Kysely's own table, in which it notes what ran. */
const NOTED = sql.table("kysely_migration");

async function isCurrent(db: Kysely<Database>): Promise<boolean> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return false;
  const { rows } = await sql<{ name: string }>`select name from ${NOTED}`.execute(db);
  const known = Object.keys(MIGRATIONS);
  return rows.length === known.length && rows.every(({ name }) => known.includes(name));
}
