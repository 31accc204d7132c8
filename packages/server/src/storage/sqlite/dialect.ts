import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type SqliteDatabase,
} from "kysely";

/**
 * Kysely's SQLite dialect on the runtime's own `node:sqlite`.
 *
 * Kysely expects better-sqlite3's statements; this is one difference. The second: every transaction begins by taking the write
 * lock. A deferred one that reads first and writes later fails with SQLITE_BUSY if another process wrote in between, without
 * waiting (sqlite.org/lang_transaction, "the busy handler isn't invoked"). The third: a transaction that SQLite has rolled back
 * by itself isn't rolled back again, since that error would hide the first one.
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
 * Ends the transaction under way, if there still is one: after a full disk, an I/O error or a lack of memory SQLite may have
 * rolled it back by itself (sqlite.org/lang_transaction, §3), and `rollback` would then fail.
 */
export function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec("rollback");
}

/** Watches every statement. */
export interface StatementWatch {
  /** Called before each; what it throws is the statement's error. */
  readonly before?: () => void;
  /** Called with what SQLite throws; what it throws stands in for that. */
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
