/**
 * Which store the configuration names, and whether it is the one that was left here; the master secrets that belong to it.
 */
import { existsSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { parseDatabaseUrl } from "../config/database-url.ts";
import { type AcceptedStore, acceptStore } from "../core/store-identity/accept-store.ts";
import { writePosition } from "../core/store-identity/keep-position.ts";
import {
  findRestoration,
  readStorePosition,
  requireUnrestored,
  type Restoration,
  type StoreOpening,
} from "../core/store-identity/position.ts";
import { createRegistryChanges } from "../core/registry-changes.ts";
import { createSigningKeyChanges, LIVE_NODE_MS } from "../core/signing-keys/changes.ts";
import type { RegistryStore } from "../core/store/store.ts";
import type { Clock, Random } from "../core/surroundings.ts";
import { DataFolderError, dataFiles, ensureDataFolder, readMasterKey, requireStore } from "../platform/data-folder.ts";
import { openPositionFile, type PositionFile } from "../platform/position-file.ts";
import { CopyError, copyStore, type StoreCopy } from "../storage/copy-store.ts";
import { openPostgresStore } from "../storage/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../storage/sqlite/open-sqlite-store.ts";
import type { SqlStore } from "../storage/sql-store.ts";
import { StoreUnreachable } from "../storage/store-open-error.ts";

/** How long a statement of a copy may take, in milliseconds. */
const COPY_STATEMENT_MS = 600_000;

/** How long a store that can't be reached at the start is waited for between two attempts, in milliseconds. */
const REACH_MS = 1000;

/** A store, and what is remembered of it beside it. */
export interface OpenedStore {
  readonly store: SqlStore;
  readonly position: PositionFile;
}

/**
 * Opens the store that the configuration names.
 *
 * @throws {DataFolderError} where it isn't there and may not be made
 * @throws {StoreRestored} where it isn't what is remembered of it
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

/** Was there a store in this folder, whose database is gone or was emptied? */
function isLost(folder: string, position: PositionFile): boolean {
  const { database, masterKey } = dataFiles(folder);
  const isThere = (statSync(database, { throwIfNoEntry: false })?.size ?? 0) > 0;
  return !isThere && (existsSync(masterKey) || position.exists());
}

function databaseLost(folder: string): DataFolderError {
  return new DataFolderError(
    `a store was served from ${folder}, but its database ${dataFiles(folder).database} is missing or empty; restore it, name the ` +
      "right folder, or begin an empty store there with --new-store, in which none of the old tokens is good",
  );
}

/** Opens the store, and waits for one that can't be reached. @param onWaiting told why, before each further attempt */
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

/** What accepting the store did, and what had become of it; nothing where nothing is known to be undone. */
export interface Acceptance extends AcceptedStore {
  readonly restoration: Restoration | undefined;
}

/** Accepts the configured store as it is. A master key that is missing is made. */
export async function acceptConfiguredStore(
  config: Config,
  actor: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<Acceptance> {
  const { store, position } = await openStore(config, { mayBeRestored: true });
  try {
    const remembered = position.read();
    const restoration = await findRestoration(store, remembered);
    const masterSecret =
      config.masterSecrets?.[0] ?? readMasterKey(config.dataDir, config.secretFileAccess, random, true);
    const accepted = await acceptStore({ store, clock, random }, actor, masterSecret, remembered);
    await writePosition(store, position, await readStorePosition(store));
    return { ...accepted, restoration };
  } finally {
    await store.close();
  }
}

/**
 * Copies the configured store into another database.
 *
 * @throws {CopyError} where a node serves the store, the target isn't empty, or the copy differs
 */
export async function copyConfiguredStore(config: Config, targetUrl: string): Promise<StoreCopy> {
  const { store: source } = await openStore(config);
  try {
    const live = await source.listLiveNodes(LIVE_NODE_MS);
    if (live.length > 0) {
      throw new CopyError(
        `${live.length} node(s) serve this store, and what they take in after the copy would be lost; stop them, and wait ${LIVE_NODE_MS / 1000} s`,
      );
    }
    const options = { url: parseDatabaseUrl(targetUrl), connectionsMax: 2, statementMsMax: COPY_STATEMENT_MS };
    const target = await openPostgresStore(options);
    try {
      return await copyStore(source, target);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** The master secrets, newest first; the first start of a store makes one. */
export async function readMasterSecrets(
  config: Config,
  store: RegistryStore,
  random: Random,
): Promise<readonly [Buffer, ...Buffer[]]> {
  const [newest, ...older] = config.masterSecrets ?? [];
  if (newest !== undefined) return [newest, ...older];
  const isNew = (await store.listSigningKeys()).length === 0;
  if (isNew) ensureDataFolder(config.dataDir, config.secretFileAccess);
  return [readMasterKey(config.dataDir, config.secretFileAccess, random, isNew)];
}

/** Makes sure that there is a signing key which belongs to this store. @returns the master secrets */
export async function prepareSigningKeys(config: Config, store: RegistryStore, clock: Clock, random: Random) {
  const masterSecrets = await ensureSigningKeys(config, store, clock, random);
  // Signs once every live node can check its tokens: the heartbeat sees to that.
  await createSigningKeyChanges(store, clock).bindToStore("system", masterSecrets);
  return masterSecrets;
}

/** Makes sure that there is a signing key. @returns the master secrets */
export async function ensureSigningKeys(config: Config, store: RegistryStore, clock: Clock, random: Random) {
  const masterSecrets = await readMasterSecrets(config, store, random);
  // A look takes no lock: a command that only reads, such as `check`, doesn't wait for a write.
  const isNew = (await store.listSigningKeys()).length === 0;
  if (isNew) await createRegistryChanges(store, clock).ensureSigningKey("system", masterSecrets[0]);
  return masterSecrets;
}
