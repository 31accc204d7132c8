import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { SqliteAdapter, SqliteDialect, type SqliteDatabase } from "kysely";

/**
 * Kysely's SQLite dialect on the runtime's own `node:sqlite`.
 *
 * Kysely expects better-sqlite3's statements; this is the difference. And every transaction here begins by taking the write
 * lock: a deferred one that reads first and writes later fails with SQLITE_BUSY if another process wrote in between, without
 * waiting (sqlite.org/lang_transaction, "the busy handler isn't invoked").
 */
export class NodeSqliteDialect extends SqliteDialect {
  constructor(database: DatabaseSync) {
    super({ database: toKyselyDatabase(database) });
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** SQLite's DDL is transactional; Kysely's own adapter doesn't use that. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function toKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text === "begin" ? "begin immediate" : text);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
      };
    },
  };
}
