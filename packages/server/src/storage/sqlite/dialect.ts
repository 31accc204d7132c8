import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type SqliteDatabase,
  sql,
} from "kysely";

/** SQLite's clock, which is this machine's. */
export const SQLITE_NOW_MS = sql<number>`cast(unixepoch('subsec') * 1000 as integer)`;

/**
 * Kysely's SQLite dialect on the runtime's own `node:sqlite`.
 *
 * It differs from Kysely's own in three ways. It adapts `node:sqlite`'s statements to those of better-sqlite3, which Kysely expects.
 * Every transaction begins by taking the write lock: a deferred one that reads first and writes later fails with SQLITE_BUSY,
 * without waiting, if another process wrote in between (sqlite.org/lang_transaction, "the busy handler isn't invoked"). And a
 * transaction that SQLite has already rolled back isn't rolled back again, since that error would hide the first one.
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: DatabaseSync;

  readonly #watch: StatementWatch;

  constructor(database: DatabaseSync, watch: StatementWatch = {}) {
    super({ database: toKyselyDatabase(database, watch) });
    this.#database = database;
    this.#watch = watch;
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.#database, this.#watch);
  }
}

/** SQLite's DDL is transactional; Kysely's own adapter doesn't use that. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync, watch: StatementWatch) {
    super({ database: toKyselyDatabase(database, watch) });
    this.#database = database;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  override rollbackTransaction(): Promise<void> {
    rollBack(this.#database);
    return Promise.resolve();
  }
}

/**
 * Rolls back the transaction if it is still open. After a full disk, an I/O error or a lack of memory, SQLite may have rolled it
 * back already (sqlite.org/lang_transaction, §3), and `rollback` would fail.
 */
export function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec("rollback");
}

/** Watches every statement. */
export interface StatementWatch {
  /** Called before each statement; an error that it throws becomes the statement's. */
  readonly before?: () => void;
  /** Called with SQLite's error; an error that it throws replaces it. */
  readonly failed?: (error: unknown) => void;
}

function toKyselyDatabase(database: DatabaseSync, { before, failed }: StatementWatch): SqliteDatabase {
  const watched = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      failed?.(error);
      throw error;
    }
  };
  return {
    close: () => database.close(),
    prepare(text) {
      before?.();
      const statement = watched(() => database.prepare(text));
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => watched(() => statement.all(...(parameters as SQLInputValue[]))),
        run: (parameters) => watched(() => statement.run(...(parameters as SQLInputValue[]))),
        iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
      };
    },
  };
}
