import { existsSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { requireUnrestored, type StoreOpening } from "../core/store-identity/position.ts";
import { dataFiles, ensureDataFolder, requireStore } from "../platform/data-folder.ts";
import { openPositionFile, type PositionFile } from "../platform/position-file.ts";
import { openSqliteStore } from "../storage/sqlite/open-sqlite-store.ts";
import type { SqlStore } from "../storage/sql-store.ts";
import { StoreUnreachable } from "../storage/store-open-error.ts";
import { OperatorError } from "../core/operator-error.ts";

/** The pause between two attempts to reach a store at the start, in milliseconds. */
const REACH_MS = 1000;

/** A store, and the file beside it that remembers its position. */
export interface OpenedStore {
  readonly store: SqlStore;
  readonly position: PositionFile;
}

/**
 * Opens the store that the configuration names.
 *
 * @throws {OperatorError} if it doesn't exist and must not be created, or isn't the store that the position file remembers
 */
export async function openStore(config: Config, opening: StoreOpening = {}): Promise<OpenedStore> {
  const position = openPositionFile(config.dataDir);
  const store = await openEngine(config, opening, position);
  try {
    if (opening.mayBeRestored !== true) await requireUnrestored(store, position.read());
    return { store, position };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openEngine(config: Config, opening: StoreOpening, position: PositionFile): Promise<SqlStore> {
  if (config.databaseUrl !== undefined) {
    const { openPostgresStore } = await import("../storage/postgres/open-postgres-store.ts");
    return openPostgresStore({
      url: config.databaseUrl,
      listenUrl: config.databaseListenUrl,
      connectionsMax: config.databaseConnections,
    });
  }
  if (opening.mayCreate === true) {
    ensureDataFolder(config.dataDir, config.secretFileAccess);
    if (isLost(config.dataDir, position)) {
      if (opening.isNewStore !== true) throw databaseLost(config.dataDir);
      position.forget();
    }
  } else requireStore(config.dataDir, config.secretFileAccess);
  return openSqliteStore(dataFiles(config.dataDir).database, {
    mayCreate: opening.mayCreate === true,
    isChecked: opening.isChecked === true,
    isGroupShared: config.secretFileAccess === "group",
  });
}

/** Was a store served from this folder whose database is now missing or empty? */
function isLost(folder: string, position: PositionFile): boolean {
  const { database, masterKey } = dataFiles(folder);
  const isThere = (statSync(database, { throwIfNoEntry: false })?.size ?? 0) > 0;
  return !isThere && (existsSync(masterKey) || position.exists());
}

function databaseLost(folder: string): OperatorError {
  return new OperatorError(
    `a store was served from ${folder}, but its database ${dataFiles(folder).database} is missing or empty; restore it, name the ` +
      "right folder, or begin an empty store there with --new-store, in which none of the old tokens is good",
  );
}

/** Opens the store, and waits until it can be reached. @param onWaiting called with the reason before each further attempt */
export async function openStoreWhenReachable(
  config: Config,
  opening: StoreOpening,
  onWaiting: (problem: string) => Promise<void>,
): Promise<OpenedStore> {
  for (;;) {
    try {
      return await openStore(config, opening);
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      await onWaiting(error.message);
      await setTimeout(REACH_MS);
    }
  }
}
