import type { CliAdministration, CliContext } from "../cli/context.ts";
import type { Config } from "../config/config.ts";
import { parseDatabaseUrl } from "../config/database-url.ts";
import { SYSTEM, unrestrictedAuthor } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { createCheckToken } from "../core/check.ts";
import { createAdmitKey } from "../core/keys/admit-key.ts";
import { createStoredKeyExaminer } from "../core/keys/audit/stored-key-examiner.ts";
import { createKeyExaminer } from "../core/keys/weakness/key-examiner.ts";
import { createKeyProofs } from "../core/key-statements/key-proofs.ts";
import type { PublicUrls } from "../core/key-statements/verify-key-proof.ts";
import { makeSetupLink as makeSetupLinkIn } from "../core/operators/invitations.ts";
import { LIVE_NODE_MS } from "../core/signing-keys/changes.ts";
import { openSigningKeyRing } from "../core/signing-keys/ring.ts";
import { acceptStore } from "../core/store-identity/accept-store.ts";
import { rememberPosition, writePosition } from "../core/store-identity/keep-position.ts";
import { findRestoration, readStorePosition, type StoreOpening } from "../core/store-identity/position.ts";
import type { Store } from "../core/store/store.ts";
import { openRegistryView } from "../core/view/view.ts";
import { createDeliver } from "../core/webhooks/deliver.ts";
import { createOrigins, linkUrl } from "../http/admin/http/origins.ts";
import { readMasterKey } from "../platform/data-folder.ts";
import { createIsPublished } from "../platform/key-blocklist.ts";
import { listenerUrl } from "../platform/listener-url.ts";
import { createWebhookSender } from "../platform/webhook-sender.ts";
import { copyStore, type StoreCopy } from "../storage/copy-store.ts";
import { ensureSigningKeys, policyOf, readMasterSecrets } from "./open-registry.ts";
import { openStore } from "./open-store.ts";
import { type Surroundings, systemSurroundings } from "./surroundings.ts";
import { OperatorError } from "../core/operator-error.ts";

/** How long one statement of a copy may take, in milliseconds. */
const COPY_STATEMENT_MS = 600_000;

/** Opens the store for a command, with the server's configuration, whether a server runs or not. */
export async function openAdministration(
  config: Config,
  opening: StoreOpening,
  surroundings: Surroundings = systemSurroundings(),
): Promise<CliAdministration> {
  const { clock } = surroundings;
  const { store, position } = await openStore(config, opening);
  const openView = () => openRegistryView(store, clock);
  // A command serves nobody while it examines a key.
  const examiner = createKeyExaminer(createIsPublished(config.keyBlocklist));
  return {
    store,
    commit: createCommit(store, clock, undefined, policyOf(config)),
    admitKey: createAdmitKey(examiner, store),
    storedKeyExaminer: createStoredKeyExaminer(examiner, store.keys),
    linkUrl: (secret) =>
      linkUrl(createOrigins(config.adminUrl, listenerUrl(config.adminHost, config.adminPort)), secret),
    openView,
    async newestMasterSecret() {
      const [newest] = await readMasterSecrets(config, store, surroundings);
      return newest;
    },
    async openWebhooks() {
      const masterSecrets = await readMasterSecrets(config, store, surroundings);
      const sender = createWebhookSender({ networks: config.webhookNetworks });
      return { sender, deliver: createDeliver({ sender, masterSecrets, clock }) };
    },
    async openCheck() {
      const view = await openView();
      const masterSecrets = await ensureSigningKeys(config, store, surroundings);
      const signingKeys = await openSigningKeyRing(store, view.feed, clock, masterSecrets, () => undefined);
      return createCheckToken({ view, signingKeys, clock });
    },
    async openKeyProofs() {
      const masterSecrets = await readMasterSecrets(config, store, surroundings);
      const publicUrls = await findPublicUrls(config, store);
      return createKeyProofs({ ...surroundings, policy: config.keyProof, masterSecrets, publicUrls });
    },
    async close() {
      // A change that was made stays made, even if its position can't be remembered.
      await rememberPosition(store, position).catch(() => undefined);
      await store.close();
    },
  };
}

/** The URLs at which clients reach the service: as configured, those of the nodes that serve now, or the default. */
async function findPublicUrls(config: Config, store: Pick<Store, "nodes">): Promise<PublicUrls> {
  if (config.publicUrl !== undefined) return [config.publicUrl];
  const nodes = await store.nodes.listLive(LIVE_NODE_MS);
  const [first, ...others] = new Set(nodes.map(({ publicUrl }) => publicUrl).filter((url) => url !== null));
  return first === undefined ? [listenerUrl(config.host, config.port)] : [first, ...others];
}

/**
 * Creates the link by which the first owner signs up, and invalidates earlier ones; `undefined` if there is an operator.
 *
 * @param adminUrl where the internal listener listens
 */
export async function makeSetupLink(
  config: Config,
  adminUrl: string,
  { clock, random }: Surroundings = systemSurroundings(),
): ReturnType<CliContext["makeSetupLink"]> {
  // The process that serves the store has checked it.
  const { store } = await openStore(config, { mayBeRestored: true });
  try {
    const { result: made } = await createCommit(store, clock)((tx) => makeSetupLinkIn(tx, random), { author: SYSTEM });
    if (made === undefined) return undefined;
    const url = linkUrl(createOrigins(config.adminUrl, adminUrl), made.secret);
    return { url, expiresAtMs: made.invitation.expiresAtMs };
  } finally {
    await store.close();
  }
}

/** Accepts the configured store as it is. Creates a missing master key. */
export async function acceptConfiguredStore(
  config: Config,
  actor: string,
  { clock, random }: Surroundings,
): ReturnType<CliContext["acceptStore"]> {
  const { store, position } = await openStore(config, { mayBeRestored: true });
  try {
    const remembered = position.read();
    const restoration = await findRestoration(store, remembered);
    const masterSecret =
      config.masterSecrets?.[0] ?? readMasterKey(config.dataDir, config.secretFileAccess, random, true);
    const { result } = await createCommit(store, clock)((tx) => acceptStore(tx, random, masterSecret, remembered), {
      author: unrestrictedAuthor(actor),
    });
    await writePosition(store, position, await readStorePosition(store));
    return { ...result, restoration };
  } finally {
    await store.close();
  }
}

/**
 * Copies the configured store into another database.
 *
 * @throws {OperatorError} if a node serves the store, the target isn't empty, or the copy differs
 */
export async function copyConfiguredStore(config: Config, targetUrl: string): Promise<StoreCopy> {
  const { store: source } = await openStore(config);
  try {
    const live = await source.nodes.listLive(LIVE_NODE_MS);
    if (live.length > 0) {
      throw new OperatorError(
        `${live.length} node(s) serve this store, and what they take in after the copy would be lost; stop them, and wait ${LIVE_NODE_MS / 1000} s`,
      );
    }
    const options = { url: parseDatabaseUrl(targetUrl), connectionsMax: 2, statementMsMax: COPY_STATEMENT_MS };
    const { openPostgresStore } = await import("../storage/postgres/open-postgres-store.ts");
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
