/**
 * The composition root: the only file that builds everything and knows every part.
 */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { FEED_SYNC_MS } from "@countersign/protocol";
import type { Config } from "./config/config.ts";
import { endpointAudiences } from "./core/assertion/audiences.ts";
import { createAuthenticateResourceServer } from "./core/authenticate-resource-server.ts";
import { type CheckToken, createCheckToken } from "./core/check.ts";
import { createExchange } from "./core/exchange.ts";
import { createIssueToken } from "./core/issue-token.ts";
import { createAssertionLedger } from "./core/oauth/assertion-ledger.ts";
import { createAuthenticateClient } from "./core/oauth/authenticate-client.ts";
import { createGrantClientCredentials } from "./core/oauth/client-credentials.ts";
import { createRevokeToken } from "./core/oauth/revoke-token.ts";
import { createRegistryChanges, type RegistryChanges } from "./core/registry/changes.ts";
import { createResourceServerChanges, type ResourceServerChanges } from "./core/registry/resource-server-changes.ts";
import { createKeyUsage } from "./core/registry/key-usage.ts";
import type { RegistryStore } from "./core/registry/store.ts";
import { openRegistryView, type RegistryView } from "./core/registry/view.ts";
import type { Clock, Random } from "./core/surroundings.ts";
import { KEPT_AFTER_EXPIRY_SECONDS } from "./core/token/deny-list.ts";
import { deriveSigningKeys } from "./core/token/signing-keys.ts";
import { buildInternalApp, buildPublicApp } from "./http/app.ts";
import { createChangeStreams } from "./http/changes/change-streams.ts";
import { createOriginalMethods } from "./http/check/original-method.ts";
import { createClientAddress } from "./http/endpoint.ts";
import { openHttpServer } from "./http/http-server.ts";
import { createMetrics } from "./http/metrics.ts";
import { createRefusalLimit } from "./http/refusal-limit.ts";
import { createRequestIds } from "./http/request-id.ts";
import { createResourceServerDoor } from "./http/resource-server-door.ts";
import { createSystemClock } from "./platform/clock.ts";
import { dataFiles, ensureDataFolder, readMasterKey, requireStore } from "./platform/data-folder.ts";
import type { Logger } from "./platform/logger.ts";
import { createSystemRandom } from "./platform/random.ts";
import { repeat } from "./platform/repeat.ts";
import { openSqliteStore } from "./storage/sqlite/open-sqlite-store.ts";

/** How often the change feed is looked at, in milliseconds: a change elsewhere holds here within twice that. */
const POLL_MS = 50;

/** How often key usage is written, in milliseconds. */
const USAGE_FLUSH_MS = 5000;

/** How often what has expired is removed, in milliseconds, and how many rows at once. */
const CLEANING_MS = 10_000;
const CLEANED_ROWS_MAX = 1000;

/** The pause between two such parts, in milliseconds: requests come first. */
const CLEANING_PAUSE_MS = 20;

/** How long requests under way may take once the service is told to stop, in milliseconds. */
const DRAIN_MS_MAX = 10_000;

/** What may be replaced in tests. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
}

/** The release's version, as its package says. */
export const VERSION = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;

export function systemSurroundings(): Surroundings {
  return { clock: createSystemClock(), random: createSystemRandom() };
}

/** The registry without a server: what the command line works on. */
export interface Administration {
  readonly store: RegistryStore;
  readonly changes: RegistryChanges;
  readonly resourceServers: ResourceServerChanges;
  /** Needs the master secret. */
  openCheck(): Promise<CheckToken>;
  /** As the exchange sees it. */
  openView(): Promise<RegistryView>;
  close(): Promise<void>;
}

/** Opens the store with the configuration that the server has, whether that runs or not. */
export async function openAdministration(
  config: Config,
  mayCreate: boolean,
  { clock, random }: Surroundings = systemSurroundings(),
): Promise<Administration> {
  if (mayCreate) ensureDataFolder(config.dataDir);
  else requireStore(config.dataDir);
  const store = await openSqliteStore(dataFiles(config.dataDir).database);
  const changes = createRegistryChanges(store, clock);
  const openView = () => openRegistryView(store, clock);
  return {
    store,
    changes,
    resourceServers: createResourceServerChanges(store, clock, random),
    openView,
    async openCheck() {
      const signingKeys = await openSigningKeys(config, store, changes, random);
      return createCheckToken({ view: await openView(), signingKeys, clock });
    },
    close: () => store.close(),
  };
}

/** A service that answers requests. */
export interface Service {
  readonly publicUrl: string;
  readonly adminUrl: string;
  readonly store: RegistryStore;
  /** Changes made through this hold in this process before they are acknowledged. */
  readonly changes: RegistryChanges;
  /** Turns not ready, lets requests under way end, closes everything. */
  stop(): Promise<void>;
}

/** Opens the store, starts both listeners and serves. */
export async function startService(
  config: Config,
  log: Logger,
  { clock, random }: Surroundings = systemSurroundings(),
): Promise<Service> {
  ensureDataFolder(config.dataDir);
  const store = await openSqliteStore(dataFiles(config.dataDir).database);
  const view = await openRegistryView(store, clock);
  const changes = createRegistryChanges(store, clock, () => view.catchUp());
  const onChanged = () => view.catchUp();
  const signingKeys = await openSigningKeys(config, store, changes, random);
  const keyUsage = createKeyUsage(store);

  const nextRequestId = createRequestIds(random);
  const publicServer = await openHttpServer(config.host, config.port, nextRequestId);
  const internalServer = await openHttpServer(config.adminHost, config.adminPort, nextRequestId);
  const publicUrl = config.publicUrl ?? publicServer.url;

  let stopping = false;
  const metrics = createMetrics(view, () => changeStreams.count());
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
        return { ready: true } as const;
      } catch {
        return { ready: false, reason: "the store can't be reached" } as const;
      }
    },
  };
  const audiences = endpointAudiences(publicUrl);
  const issueToken = createIssueToken(signingKeys, random, (keyId, atMs) => {
    keyUsage.record(keyId, atMs);
  });
  const ledger = createAssertionLedger(store, clock);
  const authenticateFor = (audience: "token" | "revocation") =>
    createAuthenticateClient(view, clock, audiences[audience], ledger);
  const refusalLimit = createRefusalLimit(config.refusalLimit, clock);
  const door = createResourceServerDoor(createAuthenticateResourceServer(view, clock), refusalLimit);
  const changeStreams = createChangeStreams(
    { view, eventsAfter: (seq, limit) => store.eventsAfter(seq, limit), door, limit: refusalLimit, clock },
    appDependencies,
  );
  const publicApp = await buildPublicApp({
    ...appDependencies,
    exchange: createExchange({ view, clock, audiences: audiences.exchange, issueToken }),
    checkToken: createCheckToken({ view, signingKeys, clock }),
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
    originalMethods: createOriginalMethods(config.trustedProxies, () => {
      log.warn(
        "X-Forwarded-Method or X-Original-Method came from an address that isn't in COUNTERSIGN_TRUSTED_PROXIES; behind that gateway, writes by read-only users pass",
      );
    }),
    pause: (milliseconds) => setTimeout(milliseconds),
  });
  const internalApp = await buildInternalApp({ ...appDependencies, adminUrl: internalServer.url });

  const polling = repeat(
    POLL_MS,
    () => view.poll(),
    (error) => {
      log.error({ err: error }, "the change feed can't be read");
    },
  );
  const flushing = repeat(
    USAGE_FLUSH_MS,
    () => keyUsage.flush(),
    (error) => {
      log.warn({ err: error }, "key usage can't be written; it is kept for the next try");
    },
  );
  const syncing = repeat(
    FEED_SYNC_MS,
    async () => {
      changeStreams.tick();
    },
    (error) => {
      log.error({ err: error }, "the streams of changes can't be told that they are in sync");
    },
  );
  const cleaning = repeat(
    CLEANING_MS,
    async () => {
      const beforeSeconds = Math.floor(clock.nowMicroseconds() / 1e6) - KEPT_AFTER_EXPIRY_SECONDS;
      view.forgetExpiredTokens(beforeSeconds);
      for (;;) {
        const removed = await store.removeExpired(beforeSeconds, CLEANED_ROWS_MAX);
        if (removed === 0 || stopping) break;
        await setTimeout(CLEANING_PAUSE_MS);
      }
    },
    (error) => {
      log.warn({ err: error }, "what has expired can't be removed; it is tried again");
    },
  );
  publicServer.serve(publicApp.listener, publicUrl);
  internalServer.serve(internalApp.listener, publicUrl);

  return {
    publicUrl,
    adminUrl: internalServer.url,
    store,
    changes,
    async stop() {
      stopping = true;
      // They would never end by themselves.
      changeStreams.close();
      await Promise.all([publicServer.drain(DRAIN_MS_MAX), internalServer.drain(DRAIN_MS_MAX)]);
      await Promise.all([polling, flushing, syncing, cleaning].map((repeating) => repeating.stop()));
      await Promise.all([publicApp.close(), internalApp.close()]);
      await keyUsage.flush().catch((error: unknown) => {
        log.warn({ err: error }, "key usage can't be written; its last seconds are lost");
      });
      await store.close();
    },
  };
}

/** Derives the signing keys; the first start of a store makes its master secret and signing key number 1. */
async function openSigningKeys(config: Config, store: RegistryStore, changes: RegistryChanges, random: Random) {
  const isNew = (await store.listSigningKeys()).length === 0;
  const masterSecrets = config.masterSecrets ?? [readMasterKey(config.dataDir, random, isNew)];
  const [newest] = masterSecrets;
  if (newest === undefined) throw new Error("the list of master secrets is empty");
  await changes.ensureSigningKey("system", newest);
  return deriveSigningKeys(await store.listSigningKeys(), masterSecrets);
}
