import { performance } from "node:perf_hooks";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type SqliteDatabase,
} from "kysely";

/** How long a transaction waits for another process's, in milliseconds. */
export const BUSY_TIMEOUT_MS = 5000;

/** How often it looks whether the other has ended, in milliseconds. */
const BUSY_RETRY_MS = 2;

/**
 * Kysely's SQLite dialect on the runtime's own `node:sqlite`.
 *
 * Kysely expects better-sqlite3's statements; this is one difference. The other: every transaction begins by taking the write
 * lock. A deferred one that reads first and writes later fails with SQLITE_BUSY if another process wrote in between, without
 * waiting (sqlite.org/lang_transaction, "the busy handler isn't invoked"). And the waiting for the lock is done here, not in
 * SQLite's busy handler, which would block the event loop and every request with it.
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(database: DatabaseSync) {
    const adapted = toKyselyDatabase(database);
    super({ database: adapted });
    this.#database = adapted;
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }

  override createDriver(): Driver {
    return new PatientDriver({ database: this.#database });
  }
}

/** SQLite's DDL is transactional; Kysely's own adapter doesn't use that. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class PatientDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const deadlineMs = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        await connection.executeQuery(CompiledQuery.raw("begin immediate"));
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadlineMs) throw error;
        await setTimeout(BUSY_RETRY_MS);
      }
    }
  }
}

/** SQLITE_BUSY, of any extended kind (sqlite.org/rescode). */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
}

function toKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
      };
    },
  };
}
