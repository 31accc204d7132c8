import type { Config } from "../config/config.ts";
import { SYSTEM } from "../core/change/change-tx.ts";
import { type Commit, createCommit } from "../core/change/commit.ts";
import { bindSigningKeyToStore, ensureSigningKey } from "../core/signing-keys/changes.ts";
import { openSigningKeyRing, type SigningKeyRing } from "../core/signing-keys/ring.ts";
import type { Store } from "../core/store/store.ts";
import type { LatestSigningKeys } from "../core/token/verify-token.ts";
import { openRegistryView, type RegistryView } from "../core/view/view.ts";
import { ensureDataFolder, readMasterKey } from "../platform/data-folder.ts";
import type { Logger } from "../platform/logger.ts";
import { StoreUnreachable } from "../storage/store-open-error.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { openStore } from "./open-store.ts";
import { policyOf } from "./policy.ts";
import type { Surroundings } from "./surroundings.ts";

/** Newest first. */
export type MasterSecrets = readonly [Buffer, ...Buffer[]];

/** A store, and what a node keeps of it in memory. */
export interface OpenedRegistry<SigningKeys extends LatestSigningKeys = LatestSigningKeys> {
  readonly store: Store;
  readonly view: RegistryView;
  readonly masterSecrets: MasterSecrets;
  readonly signingKeys: SigningKeys;
  /** Awaited after each change and before it is acknowledged: from then on the change holds on this node. */
  readonly onChanged: () => Promise<void>;
  readonly commit: Commit;
  /**
   * Commits changes of operators, their credentials, admin tokens and webhook endpoints: no node keeps those in memory. So it acknowledges them even
   * while the view can't be confirmed, and a secret that is shown once isn't lost.
   */
  readonly commitWithoutView: Commit;
}

/** Opens the view of a store and its signing keys. A new store gets its first signing key. */
export async function openRegistry(
  config: Config,
  store: Store,
  surroundings: Surroundings,
  log: Logger,
): Promise<OpenedRegistry<SigningKeyRing>> {
  const { clock } = surroundings;
  const view = await openRegistryView(store, clock);
  const masterSecrets = await prepareSigningKeys(config, store, surroundings);
  const signingKeys = await openSigningKeyRing(store, view.feed, clock, masterSecrets, (number) => {
    log.error(
      { signing_key: number },
      "a signing key derives from a master secret that this node doesn't have; it can't check that key's tokens",
    );
  });
  const onChanged = async () => {
    await view.feed.catchUp();
    await signingKeys.settled();
  };
  return {
    store,
    view,
    masterSecrets,
    signingKeys,
    onChanged,
    commit: createCommit(store, clock, onChanged, policyOf(config)),
    commitWithoutView: createCommit(store, clock, () => {
      // Not awaited. SQLite's marker doesn't change with this process's own changes, so without this the feed's readers in this
      // process would hear of the event with the next change of another kind.
      void view.feed.catchUp().catch(() => undefined);
      return Promise.resolve();
    }),
  };
}

/**
 * Creates what must exist before several processes serve one store: the store itself, and a signing key in it. If the store
 * can't be reached yet, this is left to those processes.
 */
export async function prepareStore(config: Config, opening: StoreOpening, surroundings: Surroundings): Promise<void> {
  try {
    const { store } = await openStore(config, { ...opening, mayCreate: true, isChecked: true });
    try {
      await prepareSigningKeys(config, store, surroundings);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreUnreachable)) throw error;
  }
}

/** Makes sure that there is a signing key which belongs to this store. @returns the master secrets */
async function prepareSigningKeys(config: Config, store: Store, surroundings: Surroundings): Promise<MasterSecrets> {
  const masterSecrets = await ensureSigningKeys(config, store, surroundings);
  // The key signs once every live node can check its tokens; the heartbeat sees to that.
  const commit = createCommit(store, surroundings.clock);
  await commit((tx) => bindSigningKeyToStore(tx, masterSecrets), { author: SYSTEM });
  return masterSecrets;
}

/** Makes sure that there is a signing key. @returns the master secrets */
export async function ensureSigningKeys(
  config: Config,
  store: Store,
  { clock, random }: Surroundings,
): Promise<MasterSecrets> {
  const masterSecrets = await readMasterSecrets(config, store, { random });
  // Reading takes no lock: a command that only reads, such as `check`, doesn't wait for a write.
  const isNew = (await store.signingKeys.list()).length === 0;
  if (isNew) {
    await createCommit(store, clock)((tx) => ensureSigningKey(tx, masterSecrets[0]), { author: SYSTEM });
  }
  return masterSecrets;
}

/** Reads the master secrets. The first start of a store creates one. */
export async function readMasterSecrets(
  config: Config,
  store: Store,
  { random }: Pick<Surroundings, "random">,
): Promise<MasterSecrets> {
  const [newest, ...older] = config.masterSecrets ?? [];
  if (newest !== undefined) return [newest, ...older];
  const isNew = (await store.signingKeys.list()).length === 0;
  if (isNew) ensureDataFolder(config.dataDir, config.secretFileAccess);
  return [readMasterKey(config.dataDir, config.secretFileAccess, random, isNew)];
}
