import { randomUUID } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, linkSync, openSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import { StoreBroken } from "../../core/store/store-broken.ts";
import type { KeyUsageRecord } from "../../core/keys/usage-store.ts";
import type { Engine } from "../engine.ts";
import { migrate, type MigrationEngine, SchemaError } from "../migrate.ts";
import type { Database } from "../schema.ts";
import { createSqlStore, type SqlStore } from "../sql-store.ts";
import { StoreOpenError } from "../store-open-error.ts";
import { NodeSqliteDialect, rollBack, SQLITE_NOW_MS, type StatementWatch } from "./dialect.ts";
import { findDamage } from "./find-damage.ts";
import { type HeldFiles, holdFiles, makeFile, openExisting, openUnchanged } from "./held-files.ts";
import { CREATE_RUNS, idsWithRuns } from "./runs.ts";
import { DISK_FULL, isBusy, isDamage, sqliteProblem } from "./sqlite-problem.ts";

/** How long opening, a read or a backup waits for another process, in milliseconds. SQLite blocks meanwhile. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * The size, in bytes, to which the write-ahead log is cut after a checkpoint has emptied it: twice its usual size between two
 * checkpoints. During another process's long read the log can only grow; without this limit the file would keep that size.
 */
const LOG_BYTES_MAX = 8 * 1024 * 1024;

const LIMIT_LOG = `pragma journal_size_limit = ${LOG_BYTES_MAX};`;

/** How often the switch to WAL mode is tried. Each try waits for another process up to the busy timeout. */
const WAL_TRIES_MAX = 10;

const ENGINE: MigrationEngine = {
  autoIncrementId: "integer primary key autoincrement",
  binary: "blob",
  orderedByBytes: "",
  // The only kind that can be added to a table (sqlite.org/gencol, §2.3). An index stores its value.
  generated: "virtual",
  jsonText: (column, member) => `case when json_valid(${column}) then ${column} ->> '$.${member}' end`,
  // From SQLite's own generator, seeded by the system (sqlite.org/lang_corefunc, randomblob).
  randomId: "lower(hex(randomblob(16)))",
  runsOfThree: CREATE_RUNS,
  runsMended: [],
};

/** Options for opening a SQLite store. */
export interface SqliteOptions extends Pick<Engine, "writeMsMax"> {
  /** Whether to create a missing file; `true` by default. */
  readonly mayCreate?: boolean;
  /** Whether to look for damaged pages, which takes a moment; `false` by default. */
  readonly isChecked?: boolean;
  /** Whether the file's group may access it; by default only this user may. The log gets the same mode. */
  readonly isGroupShared?: boolean;
}

/**
 * Opens the store in a SQLite file, creating the file and bringing its schema up to date where needed.
 *
 * A commit is on the disk when it is acknowledged (`synchronous = FULL` in WAL mode), and any number of processes may use
 * the file at once. The folder must exist.
 *
 * @throws {SchemaError} if the schema is newer than this release knows
 * @throws {StoreOpenError} if the file can't be opened, or isn't a database
 */
export async function openSqliteStore(file: string, options: SqliteOptions = {}): Promise<SqlStore> {
  try {
    if (options.mayCreate !== false) makeFile(file);
    return await openUnchanged(file, () => openStore(file, options));
  } catch (error) {
    if (error instanceof StoreOpenError) throw error;
    const cause = error instanceof SchemaError ? error.cause : error;
    const fault = sqliteProblem(cause);
    if (error instanceof SchemaError && fault === undefined) throw error;
    const problem = fault ?? (error instanceof Error ? error.message : "unknown problem");
    const advice =
      fault === DISK_FULL
        ? "make room, and start again"
        : "check its permissions, restore a backup, or name another folder";
    throw new StoreOpenError(`${file} can't be opened as a store (${problem}); ${advice}`, { cause: error });
  }
}

async function openStore(
  file: string,
  { writeMsMax, isChecked = false, isGroupShared = false }: SqliteOptions,
): Promise<SqlStore> {
  const database = openExisting(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  let reader: DatabaseSync | undefined;
  let usage: UsageConnection | undefined;
  let broken: StoreBroken | undefined;
  let files: HeldFiles | undefined;
  /** @throws {StoreBroken} if this store must no longer be read or written */
  const check = () => {
    if (broken !== undefined) throw broken;
    files?.check();
  };
  const isBroken = () => {
    try {
      check();
      return false;
    } catch {
      return true;
    }
  };
  const watch = {
    before: check,
    failed(error: unknown) {
      if (!isDamage(error)) return;
      broken = new StoreBroken("its file is damaged; stop the service, and restore a backup", { cause: error });
      throw broken;
    },
  };
  try {
    restrictAccess(file, isGroupShared);
    useWriteAheadLog(database);
    database.exec(`pragma synchronous = full; pragma trusted_schema = off; ${LIMIT_LOG}`);
    const writer = new Kysely<Database>({ dialect: new NodeSqliteDialect(database, watch) });
    await migrate(writer, ENGINE);
    // From now on the store waits for the write lock (sql-store.ts), without blocking the event loop.
    database.exec("pragma busy_timeout = 0");
    // Reads have a connection of their own, so that they don't wait for a transaction.
    const readOnly = openExisting(file, { timeout: BUSY_TIMEOUT_MS });
    reader = readOnly;
    reader.exec("pragma query_only = on; pragma trusted_schema = off;");
    const db = new Kysely<Database>({ dialect: new NodeSqliteDialect(reader, watch) });
    const dataVersion = database.prepare("pragma data_version");
    const recorder = openUsage(file, watch);
    usage = recorder;
    await sql`select id from store_identity`.execute(db);
    const held = holdFiles(file);
    files = held;
    let version = held.version();
    const damage = isChecked ? findDamage(readOnly, file) : undefined;
    if (damage !== undefined) {
      throw new StoreOpenError(
        `${file} is damaged: ${damage}. Stop whatever uses it, and restore a backup; remove its -wal and -shm then, which belong to the damaged file`,
      );
    }
    return createSqlStore(
      { reads: db, writes: writer, changes: writer },
      {
        name: "sqlite",
        // Changes when another connection has committed (sqlite.org/pragma, data_version), or when the file itself was written to. In
        // the latter case the cached pages are read again, since SQLite would keep using stale ones if the file was overwritten.
        changeMarker: async () => {
          check();
          try {
            const versionNow = held.version();
            if (versionNow !== version)
              for (const connection of [database, readOnly]) connection.exec("pragma shrink_memory");
            version = versionNow;
            return `${String(dataVersion.get()?.["data_version"])} ${version}`;
          } catch (error) {
            watch.failed(error);
            throw error;
          }
        },
        giveUp: (problem) => {
          broken ??= new StoreBroken(problem);
        },
        hasSkipLocked: false,
        idsWithRuns,
        nowMs: SQLITE_NOW_MS,
        begin: (connections) => connections.transaction(),
        isLocked: isBusy,
        problemOf: sqliteProblem,
        knowsOutcome: true,
        ...(writeMsMax !== undefined && { writeMsMax }),
        // Transactions exclude each other (see dialect.ts), and a commit changes the marker.
        beginChange: () => Promise.resolve(),
        // AUTOINCREMENT itself takes account of the rows and of the greatest id it has generated (sqlite.org/autoinc).
        continueIds: async (transaction, table, after = 0) => {
          await sql`update sqlite_sequence set seq = ${after} where name = ${table} and seq < ${after}`.execute(
            transaction,
          );
          await sql`
            insert into sqlite_sequence (name, seq) select ${table}, ${after}
            where not exists (select 1 from sqlite_sequence where name = ${table})`.execute(transaction);
        },
        // No other writer can interleave. Inserting a row with an id raises the sequence to it (sqlite.org/autoinc).
        reserveIds: async (transaction, table, count) => {
          const { rows } = await sql<{ seq: number }>`select seq from sqlite_sequence where name = ${table}`.execute(
            transaction,
          );
          const last = rows[0]?.seq ?? 0;
          return Array.from({ length: count }, (_, index) => last + 1 + index);
        },
        endChange: () => Promise.resolve(),
        watchChanges: () => ({ isReliable: () => false, stop: () => Promise.resolve() }),
        backup: async (target) => {
          check();
          backUp(file, target);
        },
        recordKeyUsage: async (used) => {
          recorder.record(used);
        },
        close: async () => {
          // Closing the last connection writes the log into the file (sqlite.org/wal, §2.1), which may be another file by now.
          if (isBroken()) return;
          recorder.close();
          await db.destroy();
          await writer.destroy();
          // Kysely doesn't close a connection that it never used.
          if (readOnly.isOpen) readOnly.close();
        },
      },
    );
  } catch (error) {
    reader?.close();
    database.close();
    usage?.close();
    throw error;
  }
}

/** @throws {StoreOpenError} if other users could read the file and this user can't change that */
function restrictAccess(file: string, isGroupShared: boolean): void {
  const { mode, uid } = statSync(file);
  const wanted = isGroupShared ? 0o600 | (mode & 0o060) : 0o600;
  if ((mode & 0o777) === wanted) return;
  try {
    chmodSync(file, wanted);
  } catch (error) {
    throw new StoreOpenError(
      `${file} belongs to user ${uid} and has the mode ${(mode & 0o777).toString(8).padStart(4, "0")}; run chmod ${wanted.toString(8)} on it as that user, or chown it`,
      { cause: error },
    );
  }
}

const RECORD_LAST_USED = `
  insert into key_usage (key_id, last_used_at_ms)
  select value ->> 0, value ->> 1 from json_each(?)
  where exists (select 1 from public_keys where id = value ->> 0)
  on conflict (key_id) do update set last_used_at_ms = excluded.last_used_at_ms
  where key_usage.last_used_at_ms < excluded.last_used_at_ms`;

/** Once a day and key: `key_usage` is exact, and this column is the one that lists are ordered by. */
const RECORD_IDLE_DAY = `
  update public_keys set idle_since_day = used.value ->> 1 / 86400000
  from json_each(?) as used
  where public_keys.id = used.value ->> 0 and idle_since_day < used.value ->> 1 / 86400000`;

const RECORD_HOURS = `
  insert into key_usage_hours (key_id, hour_s, tokens)
  select value ->> 0, value ->> 1, value ->> 2 from json_each(?)
  where exists (select 1 from public_keys where id = value ->> 0)
  on conflict (key_id, hour_s) do update set tokens = key_usage_hours.tokens + excluded.tokens`;

const RECORD_ACCOUNT_HOURS = `
  insert into account_usage_hours (account_id, hour_s, tokens)
  select api_users.account_id, value ->> 1, sum(value ->> 2) from json_each(?)
  join public_keys on public_keys.id = value ->> 0
  join api_users on api_users.id = public_keys.user_id
  where true group by 1, 2
  on conflict (account_id, hour_s) do update set tokens = account_usage_hours.tokens + excluded.tokens`;

const RECORD_ALL_HOURS = `
  insert into usage_hours (hour_s, tokens)
  select value ->> 1, sum(value ->> 2) from json_each(?)
  where exists (select 1 from public_keys where id = value ->> 0)
  group by 1
  on conflict (hour_s) do update set tokens = usage_hours.tokens + excluded.tokens`;

const RECORD_EXPIRIES = `
  insert into key_expiries (account_id, user_id, key_id, expires_s, tokens)
  select api_users.account_id, api_users.id, public_keys.id, value ->> 1, value ->> 2 from json_each(?)
  join public_keys on public_keys.id = value ->> 0
  join api_users on api_users.id = public_keys.user_id
  where true
  on conflict (account_id, user_id, key_id, expires_s) do update set tokens = key_expiries.tokens + excluded.tokens`;

interface UsageConnection {
  record(usage: readonly KeyUsageRecord[]): void;
  close(): void;
}

/**
 * Writes key usage in one statement for each table. It has its own connection, which doesn't wait for another process's write lock:
 * waiting would block the event loop, and usage can be written the next time. The later time is kept, regardless of the order of
 * writes. Keys that don't exist (the file was replaced by an older one) are skipped.
 */
function openUsage(file: string, { before: check, failed }: Required<StatementWatch>): UsageConnection {
  // Opened now, not at the first use: by then the path may lead to another file.
  const database = openExisting(file, { timeout: 0, enableForeignKeyConstraints: true });
  database.exec(LIMIT_LOG);
  return {
    record(usage) {
      if (!database.isOpen) throw new Error("the store is closed");
      check();
      const lastUsed = usage.map(({ keyId, lastUsedAtMs }) => [keyId, lastUsedAtMs]);
      const hours = JSON.stringify(
        usage.flatMap(({ keyId, tokensByHour }) => [...tokensByHour].map((hour) => [keyId, ...hour])),
      );
      const expiries = usage.flatMap(({ keyId, tokensByExpiry }) => [...tokensByExpiry].map((end) => [keyId, ...end]));
      try {
        database.exec("begin immediate");
        for (const statement of [RECORD_LAST_USED, RECORD_IDLE_DAY]) {
          database.prepare(statement).run(JSON.stringify(lastUsed));
        }
        for (const statement of [RECORD_HOURS, RECORD_ACCOUNT_HOURS, RECORD_ALL_HOURS]) {
          database.prepare(statement).run(hours);
        }
        database.prepare(RECORD_EXPIRIES).run(JSON.stringify(expiries));
        check();
        database.exec("commit");
      } catch (error) {
        rollBack(database);
        failed(error);
        throw error;
      }
    },
    close() {
      if (database.isOpen) database.close();
    },
  };
}

/**
 * Switches the file to WAL mode, which it then keeps. When several processes open a new file at the same time, all but one get
 * "locked": the busy timeout doesn't cover this statement (sqlite.org/pragma, journal_mode). An exclusive transaction does wait
 * for the process that switches.
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
 * Backs up in one read transaction. The file appears under its name only when it is complete and on the disk. It uses a connection
 * of its own, since the store's may be in a transaction.
 */
function backUp(file: string, target: string): void {
  const partial = join(dirname(target), `.countersign-backup-${randomUUID()}.partial`);
  try {
    closeSync(openSync(partial, "wx", 0o600));
    const database = openExisting(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      database.prepare("vacuum into ?").run(partial);
    } catch (error) {
      const problem = sqliteProblem(error);
      if (problem === undefined) throw error;
      throw new StoreOpenError(`the copy can't be made (${problem})`, { cause: error });
    } finally {
      database.close();
    }
    markAsBackup(partial);
    syncToDisk(partial);
    // Unlike a rename, a link never replaces an existing file.
    linkSync(partial, target);
    syncToDisk(dirname(target));
  } finally {
    rmSync(partial, { force: true });
  }
}

/** Marks the file as a backup, so that every process that opens it can tell. */
function markAsBackup(file: string): void {
  const database = openExisting(file);
  try {
    database.exec("update store_identity set backup_at_ms = cast(unixepoch('subsec') * 1000 as integer)");
  } finally {
    database.close();
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
