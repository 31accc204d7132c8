import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { Kysely } from "kysely";
import { type InspectedStore, inspectSchema } from "../inspected-store.ts";
import { idsWithRuns } from "./runs.ts";
import type { Database } from "../schema.ts";
import { StoreOpenError } from "../store-open-error.ts";
import { NodeSqliteDialect, SQLITE_NOW_MS } from "./dialect.ts";
import { findDamage } from "./find-damage.ts";
import { sqliteProblem } from "./sqlite-problem.ts";

/** How long a read waits for another process, in milliseconds. */
const BUSY_TIMEOUT_MS = 2000;

/** The largest file of which every page is looked at, in bytes: about 4 s. */
const PAGES_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Opens an existing SQLite file to look at it: no migration, no change, no file made. Other processes may use the store meanwhile.
 *
 * @throws {StoreOpenError} if the file can't be read or isn't a database
 */
export async function inspectSqliteStore(file: string): Promise<InspectedStore> {
  let database: DatabaseSync | undefined;
  try {
    const opened = new DatabaseSync(urlOf(file), { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    database = opened;
    opened.exec("pragma query_only = on; pragma trusted_schema = off;");
    const db = new Kysely<Database>({ dialect: new NodeSqliteDialect(opened) });
    const schema = await inspectSchema(db, {
      name: "sqlite",
      nowMs: SQLITE_NOW_MS,
      idsWithRuns,
      problemOf: sqliteProblem,
    });
    return {
      engine: "sqlite",
      ...schema,
      logBytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      readOnly: findReadOnly(file),
      wrongEncoding: undefined,
      findDamage: () => findDamage(opened, file, PAGES_BYTES_MAX),
      close: async () => {
        await db.destroy();
        if (opened.isOpen) opened.close();
      },
    };
  } catch (error) {
    if (database?.isOpen === true) database.close();
    const problem = sqliteProblem(error) ?? (error instanceof Error ? error.message : "unknown problem");
    throw new StoreOpenError(problem, { cause: error });
  }
}

/**
 * While no process has the store open, there is no log and no index of one, and SQLite would make both. An immutable file needs
 * neither (sqlite.org/uri, "immutable").
 */
function urlOf(file: string): URL {
  const url = pathToFileURL(file);
  url.searchParams.set("mode", "ro");
  if (!existsSync(`${file}-wal`) && !existsSync(`${file}-shm`)) url.searchParams.set("immutable", "1");
  return url;
}

function findReadOnly(file: string): string | undefined {
  for (const path of [file, dirname(file)]) {
    try {
      accessSync(path, constants.W_OK);
    } catch {
      return `this user may not write ${path}, or its file system is read-only`;
    }
  }
  return undefined;
}
