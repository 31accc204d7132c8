/**
 * The composition root: the only file that builds everything and knows every part.
 */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startBackgroundWork } from "./background.ts";
import type { Config } from "../config/config.ts";
import { shownSettings } from "../config/shown-settings.ts";
import { endpointAudiences } from "../core/assertion/audiences.ts";
import { createFindSigner } from "../core/assertion/find-signer.ts";
import { createAuthenticateResourceServer } from "../core/resource-servers/authenticate.ts";
import { type CheckToken, createCheckToken } from "../core/check.ts";
import { createClockWatch, describeOffset, OFFSET_MS_MAX } from "../core/clock/clock-watch.ts";
import { createExchange } from "../core/exchange.ts";
import { createIssueToken } from "../core/issue-token.ts";
import { createAssertionLedger } from "../core/oauth/assertion-ledger.ts";
import { createAuthenticateClient } from "../core/oauth/authenticate-client.ts";
import { createGrantClientCredentials } from "../core/oauth/client-credentials.ts";
import { createRevokeToken } from "../core/oauth/revoke-token.ts";
import { createAuthenticatePrincipal } from "../core/operators/authenticate.ts";
import { createLastSeen } from "../core/operators/last-seen.ts";
import { createOperatorChanges, type OperatorChanges } from "../core/operators/operator-changes.ts";
import { rememberPosition } from "../core/store-identity/keep-position.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { createRefusedSignIns } from "../core/operators/refused-sign-ins.ts";
import { createRegistryChanges, type RegistryChanges } from "../core/registry-changes.ts";
import { createHeartbeat } from "../core/signing-keys/heartbeat.ts";
import { createSigningKeyChanges, type SigningKeyChanges } from "../core/signing-keys/changes.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "../core/resource-servers/changes.ts";
import { createKeyUsage } from "../core/keys/usage.ts";
import type { RegistryStore } from "../core/store/store.ts";
import { openRegistryView, type RegistryView } from "../core/view/view.ts";
import type { Clock, Random } from "../core/surroundings.ts";
import { openSigningKeyRing } from "../core/signing-keys/ring.ts";
import { createAuditHandlers } from "../http/admin/audit/handlers.ts";
import { createExplainHandlers } from "../http/admin/explain/handlers.ts";
import { createOperatorAdministration } from "../http/admin/operator-administration.ts";
import { createOrigins, linkUrl } from "../http/admin/http/origins.ts";
import { createRegistryHandlers } from "../http/admin/registry-handlers.ts";
import { createServiceHandlers } from "../http/admin/service/handlers.ts";
import { createUsageHandlers } from "../http/admin/usage/handlers.ts";
import { buildInternalApp, buildPublicApp } from "../http/app.ts";
import { createChangeStreams } from "../http/public/changes/change-streams.ts";
import { createIsReading } from "../http/public/is-reading.ts";
import { createClientAddress } from "../http/server/client-address.ts";
import { connectionLimits } from "../http/server/connection-limits.ts";
import { networkOf } from "../http/server/ip-address.ts";
import { openHttpServer } from "../http/server/http-server.ts";
import { createMetrics } from "../http/server/metrics.ts";
import { createRefusalLimit } from "../http/server/refusal-limit.ts";
import { createRequestIds } from "../http/server/request-id.ts";
import { createResourceServerDoor } from "../http/public/resource-server-door.ts";
import {
  ensureSigningKeys,
  openStore,
  openStoreWhenReachable,
  prepareSigningKeys,
  readMasterSecrets,
} from "./open-store.ts";
import { createSystemClock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import { createEventLoopTurns } from "../platform/event-loop-turns.ts";
import { listenerUrl } from "../platform/listener-url.ts";
import { createOpenIdProvider } from "../platform/openid-provider.ts";
import { createPasskeyCeremonies } from "../platform/passkey-ceremonies.ts";
import { createSystemRandom } from "../platform/random.ts";
import { spareDescriptors } from "../platform/spare-descriptors.ts";
import { StoreUnreachable } from "../storage/store-open-error.ts";

/** How long requests under way may take once the service is told to stop, in milliseconds. */
const DRAIN_MS_MAX = 10_000;

/** The same after a long drain delay, which counts towards it. */
const DRAIN_MS_MIN = 5000;

/** The console's built files: in a checkout as in the package. */
const CONSOLE_FOLDER = fileURLToPath(new URL("../../console/", import.meta.url));

/** What may be replaced in tests. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
}

/** The release's version, as its package says. */
export const VERSION = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;

export function systemSurroundings(): Surroundings {
  return { clock: createSystemClock(), random: createSystemRandom() };
}

/** The registry without a server: what the command line works on. */
export interface Administration {
  readonly store: RegistryStore;
  readonly changes: RegistryChanges;
  readonly resourceServers: ResourceServerChanges;
  readonly signingKeys: SigningKeyChanges;
  readonly operators: OperatorChanges;
  /** A one-time link, as a browser opens it. */
  readonly linkUrl: (secret: string) => string;
  /** The one that new signing keys derive from. */
  newestMasterSecret(): Promise<Buffer>;
  /** Needs the master secret. */
  openCheck(): Promise<CheckToken>;
  /** As the exchange sees it. */
  openView(): Promise<RegistryView>;
  close(): Promise<void>;
}

/** Opens the store with the configuration that the server has, whether that runs or not. */
export async function openAdministration(
  config: Config,
  opening: StoreOpening,
  { clock, random }: Surroundings = systemSurroundings(),
): Promise<Administration> {
  const { store, position } = await openStore(config, opening);
  const changes = createRegistryChanges(store, clock);
  const openView = () => openRegistryView(store, clock);
  return {
    store,
    changes,
    resourceServers: createResourceServerChanges(store, clock, random),
    openView,
    signingKeys: createSigningKeyChanges(store, clock),
    operators: createOperatorChanges(store, clock, random),
    linkUrl: (secret) => linkUrl(createOrigins(config.adminUrl, internalListenerUrl(config)), secret),
    async newestMasterSecret() {
      const [newest] = await readMasterSecrets(config, store, random);
      return newest;
    },
    async openCheck() {
      const view = await openView();
      const masterSecrets = await ensureSigningKeys(config, store, clock, random);
      const signingKeys = await openSigningKeyRing(store, view, clock, masterSecrets, () => undefined);
      return createCheckToken({ view, signingKeys, clock });
    },
    async close() {
      // A change is made, whether or not that can be remembered.
      await rememberPosition(store, position).catch(() => undefined);
      await store.close();
    },
  };
}

export { addUpCounters } from "../http/server/metrics.ts";

/** The processes that serve together: their figures, and the steps at which they wait for each other. */
export interface ProcessGroup {
  gather(): Promise<readonly unknown[]>;
  report(read: () => Promise<unknown>, readCounters: () => Promise<unknown>): void;
  meet(step: string): Promise<void>;
}

/**
 * What has to be there before several processes serve the same store at once: the store itself, and in it a signing key. One that
 * can't be reached yet is left to them.
 */
export async function prepareStore(
  config: Config,
  opening: StoreOpening,
  { clock, random }: Surroundings,
): Promise<void> {
  try {
    const { store } = await openStore(config, { ...opening, mayCreate: true, isChecked: true });
    try {
      await prepareSigningKeys(config, store, clock, random);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreUnreachable)) throw error;
  }
}

/** The link by which the first owner comes in. */
export interface SetupLink {
  readonly url: string;
  readonly expiresAtMs: number;
}

/**
 * Makes the link by which the first owner comes in; those before are void. `undefined` where there is an operator.
 *
 * @param adminUrl where the internal listener listens
 */
export async function makeSetupLink(
  config: Config,
  adminUrl: string,
  { clock, random }: Surroundings = systemSurroundings(),
): Promise<SetupLink | undefined> {
  // The process that serves it has checked it.
  const { store } = await openStore(config, { mayBeRestored: true });
  try {
    const made = await createOperatorChanges(store, clock, random).makeSetupLink("system");
    return (
      made && {
        url: linkUrl(createOrigins(config.adminUrl, adminUrl), made.secret),
        expiresAtMs: made.invitation.expiresAtMs,
      }
    );
  } finally {
    await store.close();
  }
}

/** Where the internal listener of this configuration listens, as far as that is known before it does. */
function internalListenerUrl({ adminHost, adminPort }: Config): string {
  return listenerUrl(adminHost, adminPort);
}

/** A service that answers requests. */
export interface Service {
  readonly publicUrl: string;
  readonly adminUrl: string;
  readonly store: RegistryStore;
  /** Changes made through this hold in this process before they are acknowledged. */
  readonly changes: RegistryChanges;
  /** Turns not ready, answers on for the drain delay, lets requests under way end, closes everything. */
  stop(): Promise<void>;
}

/** Opens the store, starts both listeners and serves. */
export async function startService(
  config: Config,
  log: Logger,
  { clock, random }: Surroundings = systemSurroundings(),
  channel?: ProcessGroup,
  opening: StoreOpening = {},
): Promise<Service> {
  const nextRequestId = createRequestIds(random);
  const starting: { reason: string | undefined } = { reason: undefined };
  const limits = connectionLimits(
    config,
    spareDescriptors(),
    config.databaseUrl === undefined ? 0 : config.databaseConnections + 2,
  );
  if ((config.connectionsMax ?? 0) > limits.public.max) {
    log.warn(
      { connections_max: limits.public.max },
      "the limit of open files (ulimit -n) doesn't allow COUNTERSIGN_CONNECTIONS_MAX",
    );
  }
  const openListener = (listener: keyof typeof limits, host: string, port: number) =>
    openHttpServer(host, port, nextRequestId, starting, {
      keepAliveMs: config.keepAlive,
      limits: limits[listener],
      onLimit({ evicted, refused }) {
        log.warn(
          { listener, connections_max: limits[listener].max, evicted, refused },
          "connections are at their limit: those that ask nothing are closed for new ones",
        );
      },
    });
  const openServers = async () => ({
    publicServer: await openListener("public", config.host, config.port),
    internalServer: await openListener("internal", config.adminHost, config.adminPort),
  });
  let early: Awaited<ReturnType<typeof openServers>> | undefined;
  const { store, position } = await openStoreWhenReachable(
    config,
    // A worker's store is there: the process that started it has made it. One that is gone must not come back empty.
    { ...opening, mayCreate: channel === undefined, isChecked: channel === undefined },
    async (problem) => {
      log.warn({ reason: problem }, "not ready");
      // The caller may be a stranger: only the log says where the store is.
      starting.reason = "the store can't be reached; the log says why";
      early ??= await openServers();
    },
  );
  const view = await openRegistryView(store, clock);
  const onChanged = async () => {
    await view.catchUp();
    await signingKeys.settled();
  };
  const changes = createRegistryChanges(store, clock, onChanged);
  const masterSecrets = await prepareSigningKeys(config, store, clock, random);
  const signingKeys = await openSigningKeyRing(store, view, clock, masterSecrets, (number) => {
    log.error(
      { signing_key: number },
      "a signing key derives from a master secret that this node doesn't have; it can't check that key's tokens",
    );
  });
  const keyUsage = createKeyUsage(store);
  const lastSeen = createLastSeen(store);
  const { publicServer, internalServer } = early ?? (await openServers());
  const publicUrl = config.publicUrl ?? publicServer.url;

  let stopping = false;
  const clockWatch = createClockWatch(store, clock);
  const metrics = createMetrics(
    view,
    () => changeStreams.count(),
    channel && (() => channel.gather()),
    { public: () => publicServer.connections(), internal: () => internalServer.connections() },
    () => store.writeProblem() === undefined,
    clockWatch,
  );
  channel?.report(
    () => metrics.figures(),
    () => metrics.counters(),
  );
  const clientAddress = createClientAddress(config.trustedProxies);
  const appDependencies = {
    version: VERSION,
    publicUrl,
    nextRequestId,
    clientAddress,
    log,
    metrics,
    async readiness() {
      if (stopping) return { ready: false, reason: "stopping" } as const;
      if (!view.isFresh()) return { ready: false, reason: "the registry view isn't confirmed" } as const;
      try {
        await store.changeMarker();
        const offsetMs = clockWatch.databaseOffsetMs();
        const clockProblem = describeOffset(offsetMs);
        if (clockProblem !== undefined && Math.abs(offsetMs ?? 0) > OFFSET_MS_MAX) {
          return { ready: false, reason: clockProblem } as const;
        }
        return { ready: true, writeProblem: store.writeProblem(), clockProblem } as const;
      } catch {
        return { ready: false, reason: "the store can't be reached" } as const;
      }
    },
  };
  const audiences = endpointAudiences(publicUrl);
  const issueToken = createIssueToken(signingKeys, random, (keyId, atMs, expiresAtSeconds) => {
    keyUsage.record(keyId, atMs, expiresAtSeconds);
  });
  const ledger = createAssertionLedger(store, clock);
  const findSigner = createFindSigner(networkOf);
  const authenticateFor = (audience: "token" | "revocation") =>
    createAuthenticateClient(view, clock, audiences[audience], ledger, findSigner);
  const pause = (milliseconds: number) => setTimeout(milliseconds, undefined, { ref: false });
  const refusalLimit = createRefusalLimit(config.refusalLimit, clock);
  const door = createResourceServerDoor(createAuthenticateResourceServer(view, clock), refusalLimit, clock);
  const changeStreams = createChangeStreams(
    { view, eventsAfter: (seq, limit) => store.eventsAfter(seq, limit), door, limit: refusalLimit, clock, pause },
    appDependencies,
  );
  const checkToken = createCheckToken({ view, signingKeys, clock });
  const publicApp = await buildPublicApp({
    ...appDependencies,
    exchange: createExchange({ view, findSigner, clock, audiences: audiences.exchange, issueToken }),
    checkToken,
    grantClientCredentials: createGrantClientCredentials(authenticateFor("token"), issueToken),
    revokeToken: createRevokeToken({
      authenticateClient: authenticateFor("revocation"),
      signingKeys,
      store,
      clock,
      onChanged,
    }),
    door,
    feedPosition: () => view.position(),
    changesEndpoint: changeStreams.endpoint,
    refusalLimit,
    isReading: createIsReading(config.trustedProxies, () => {
      log.warn(
        "X-Forwarded-Method or X-Original-Method came from an address that isn't in COUNTERSIGN_TRUSTED_PROXIES: it can refuse a read-only user, but never let one through; if your gateway has that address, add it",
      );
    }),
    pause,
  });
  const administration = {
    store,
    clock,
    random,
    onChanged,
    view,
    checkToken,
    signingKeys,
    audiences: audiences.exchange,
    newestMasterSecret: masterSecrets[0],
    yieldToEventLoop: createEventLoopTurns(),
    settings: shownSettings(config),
  };
  const origins = createOrigins(config.adminUrl, internalServer.url, config.adminNames);
  const refusedSignIns = createRefusedSignIns(store, clock);
  const operatorAdministration = createOperatorAdministration({
    store,
    clock,
    random,
    masterSecrets,
    ceremonies: createPasskeyCeremonies(),
    origins,
    refusalLimit,
    service: { publicUrl, version: VERSION },
    log,
    refused: refusedSignIns,
    singleSignOn: identityProvider(config, clock),
  });
  const internalApp = await buildInternalApp({
    ...appDependencies,
    adminUrl: internalServer.url,
    consoleFolder: CONSOLE_FOLDER,
    admin: {
      authenticate: createAuthenticatePrincipal(store, clock, lastSeen),
      origins,
      refusalLimit,
      clientAddress,
      handlers: {
        ...createRegistryHandlers(administration),
        ...createServiceHandlers(administration),
        ...createUsageHandlers(administration),
        ...createAuditHandlers(administration),
        ...createExplainHandlers(administration),
        ...operatorAdministration,
      },
    },
  });

  const background = await startBackgroundWork({
    store,
    view,
    clock,
    clockWatch,
    log,
    keyUsage,
    lastSeen,
    refusedSignIns,
    changeStreams,
    memory: position,
    heartbeat: createHeartbeat(store, signingKeys, createSigningKeyChanges(store, clock, onChanged), {
      id: random.bytes(8).toString("hex"),
      startedAtMs: clock.wallMs(),
      version: VERSION,
    }),
  });
  publicServer.serve(publicApp.listener, publicUrl);
  internalServer.serve(internalApp.listener, publicUrl);

  return {
    publicUrl,
    adminUrl: internalServer.url,
    store,
    changes,
    async stop() {
      stopping = true;
      publicServer.announceClose();
      internalServer.announceClose();
      // Until then, a load balancer can see that this node isn't ready.
      await setTimeout(config.drainDelay);
      // They would never end by themselves.
      changeStreams.close();
      const drainMsMax = Math.max(DRAIN_MS_MIN, DRAIN_MS_MAX - config.drainDelay);
      const together = (listener: string) => channel && ((step: string) => channel.meet(`${listener} ${step}`));
      await Promise.all([
        publicServer.drain(drainMsMax, together("public")),
        internalServer.drain(drainMsMax, together("internal")),
      ]);
      await background.stop();
      await Promise.all([publicApp.close(), internalApp.close()]);
      await background.sayGoodbye();
      await store.close();
    },
  };
}

/** Through whom operators sign in, and what their groups allow; `undefined` where they sign in here. */
function identityProvider(config: Config, clock: Clock) {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret } = config;
  if (issuer === undefined || clientId === undefined || clientSecret === undefined) return undefined;
  const client = { issuer, clientId, clientSecret, scope: config.oidcScope, groupsClaim: config.oidcGroupsClaim };
  return { provider: createOpenIdProvider(client, clock), roles: config.oidcRoles };
}
