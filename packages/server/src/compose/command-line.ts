import type { CliAdministration, CliContext } from "../cli/context.ts";
import type { Config } from "../config/config.ts";
import { internalListenerUrl } from "../config/listener-urls.ts";
import { SYSTEM, unrestrictedAuthor } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import type { AdmitKey } from "../core/keys/admit-key.ts";
import { OperatorError } from "../core/operator-error.ts";
import { LIVE_NODE_MS } from "../core/signing-keys/changes.ts";
import { rememberPosition, writePosition } from "../core/store-identity/keep-position.ts";
import { findRestoration, readStorePosition, type StoreOpening } from "../core/store-identity/position.ts";
import { createOrigins, linkUrl } from "../http/admin/http/origins.ts";
import type { StoreCopy } from "../storage/copy-store.ts";
import type { KeyAdmission } from "./key-admission.ts";
import { openStore } from "./open-store.ts";
import { policyOf } from "./policy.ts";
import { findPublicUrls } from "./public-urls.ts";
import { type Surroundings, systemSurroundings } from "./surroundings.ts";

/** How long one statement of a copy may take, in milliseconds. */
const COPY_STATEMENT_MS = 600_000;

/**
 * Opens the store for a command, with the server's configuration, whether a server runs or not. What only some commands use
 * is imported when they use it.
 */
export async function openAdministration(
  config: Config,
  opening: StoreOpening,
  surroundings: Surroundings = systemSurroundings(),
): Promise<CliAdministration> {
  const { clock } = surroundings;
  const { store, position } = await openStore(config, opening);
  const openView = async () => (await import("../core/view/view.ts")).openRegistryView(store, clock);
  let keyAdmission: Promise<KeyAdmission> | undefined;
  const openKeyAdmission = () =>
    (keyAdmission ??= import("./key-admission.ts").then(({ createKeyAdmission }) => createKeyAdmission(config, store)));
  const masterSecretsOf = async () =>
    (await import("./open-registry.ts")).readMasterSecrets(config, store, surroundings);
  const openWebhookSender = async () => {
    const { createWebhookSender } = await import("../platform/webhook-sender.ts");
    return createWebhookSender({ networks: config.webhookNetworks });
  };
  const commit = createCommit(store, clock, undefined, policyOf(config));
  const admitKey: AdmitKey = async (key, author) => (await openKeyAdmission()).admitKey(key, author);
  const administration: CliAdministration = {
    store,
    commit,
    admitKey,
    async openOperations(actor) {
      const { createLocalOperations } = await import("./local-operations.ts");
      return createLocalOperations({ ...administration, config, surroundings }, actor);
    },
    openAdmitKeys: async () => (await import("./key-admission.ts")).openAdmitKeys(config, store),
    openStoredKeyExaminer: async () => (await openKeyAdmission()).storedKeyExaminer,
    policy: policyOf(config),
    linkUrl: (secret) => linkUrl(createOrigins(config.adminUrl, internalListenerUrl(config)), secret),
    openView,
    async newestMasterSecret() {
      const [newest] = await masterSecretsOf();
      return newest;
    },
    openWebhookSender,
    async openWebhooks() {
      const { createDeliver } = await import("../core/webhooks/deliver.ts");
      const masterSecrets = await masterSecretsOf();
      const sender = await openWebhookSender();
      return { sender, deliver: createDeliver({ sender, masterSecrets, clock }) };
    },
    async openCheck() {
      const [{ ensureSigningKeys }, { openSigningKeyRing }, { createCheckToken }] = await Promise.all([
        import("./open-registry.ts"),
        import("../core/signing-keys/ring.ts"),
        import("../core/check.ts"),
      ]);
      const view = await openView();
      const masterSecrets = await ensureSigningKeys(config, store, surroundings);
      const signingKeys = await openSigningKeyRing(store, view.feed, clock, masterSecrets, () => undefined);
      return createCheckToken({ view, signingKeys, clock });
    },
    async openKeyProofs() {
      const { createKeyProofs } = await import("../core/key-statements/key-proofs.ts");
      const masterSecrets = await masterSecretsOf();
      const publicUrls = await findPublicUrls(config, store);
      return createKeyProofs({ ...surroundings, policy: config.keyProof, masterSecrets, publicUrls });
    },
    async close() {
      // A change that was made stays made, even if its position can't be remembered.
      await rememberPosition(store, position).catch(() => undefined);
      await store.close();
    },
  };
  return administration;
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
  const { makeSetupLink: makeSetupLinkIn } = await import("../core/operators/invitations.ts");
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
  const [{ acceptStore }, { readMasterKey }] = await Promise.all([
    import("../core/store-identity/accept-store.ts"),
    import("../platform/data-folder.ts"),
  ]);
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
  const [{ copyStore }, { openPostgresStore }, { parseDatabaseUrl }] = await Promise.all([
    import("../storage/copy-store.ts"),
    import("../storage/postgres/open-postgres-store.ts"),
    import("../config/database-url.ts"),
  ]);
  const { store: source } = await openStore(config);
  try {
    const live = await source.nodes.listLive(LIVE_NODE_MS);
    if (live.length > 0) {
      throw new OperatorError(
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
