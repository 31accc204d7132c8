import { randomUUID } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, linkSync, openSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import type { RegistryStore } from "../../core/registry/store.ts";
import { migrate } from "../migrate.ts";
import type { Database } from "../schema.ts";
import { createSqlStore } from "../sql-store.ts";
import { NodeSqliteDialect } from "./dialect.ts";

/** How often the switch to WAL mode is tried. Each try waits for another process up to the busy timeout. */
const WAL_TRIES_MAX = 10;

/** How long a statement waits for another process's transaction, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens the store in a SQLite file, making the file and bringing its schema up to date where needed.
 *
 * A commit is on the disk when it is acknowledged (`synchronous = FULL` in WAL mode), and any number of processes may use
 * the file at once. The folder must exist.
 *
 * @throws {SchemaError} where the schema is newer than this release knows
 */
export async function openSqliteStore(file: string): Promise<RegistryStore> {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    chmodSync(file, 0o600);
    useWriteAheadLog(database);
    database.exec("pragma synchronous = full; pragma trusted_schema = off;");
    const db = new Kysely<Database>({ dialect: new NodeSqliteDialect(database) });
    await migrate(db, { autoIncrementId: "integer primary key autoincrement" });
    const dataVersion = database.prepare("pragma data_version");
    return createSqlStore(db, {
      name: "sqlite",
      // Differs once another connection has committed (sqlite.org/pragma, data_version).
      changeMarker: async () => Number(dataVersion.get()?.["data_version"]),
      backup: async (target) => {
        backUp(file, target);
      },
      close: () => db.destroy(),
    });
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Switches the file to WAL mode, which it then keeps. Where several processes open a new file at once, all but one are told
 * "locked": the busy timeout doesn't cover this statement (sqlite.org/pragma, journal_mode), but an exclusive transaction
 * waits for whoever switches.
 */
function useWriteAheadLog(database: DatabaseSync): void {
  const isSwitched = () => database.prepare("pragma journal_mode").get()?.["journal_mode"] === "wal";
  for (let tries = 0; !isSwitched(); tries++) {
    try {
      database.exec("pragma journal_mode = wal");
    } catch (error) {
      if (tries >= WAL_TRIES_MAX) throw error;
      database.exec("begin exclusive; rollback;");
    }
  }
}

/**
 * One read transaction copies everything, and the file appears under its name only when it is whole and on the disk. On a
 * connection of its own: a transaction may be under way on the store's.
 */
function backUp(file: string, target: string): void {
  const partial = join(dirname(target), `.countersign-backup-${randomUUID()}.partial`);
  try {
    closeSync(openSync(partial, "wx", 0o600));
    const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      database.prepare("vacuum into ?").run(partial);
    } finally {
      database.close();
    }
    syncToDisk(partial);
    // Unlike a rename, a link never replaces a file that is there.
    linkSync(partial, target);
    syncToDisk(dirname(target));
  } finally {
    rmSync(partial, { force: true });
  }
}

function syncToDisk(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
