/**
 * The composition root: the only file that builds everything and knows every part.
 */
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Config } from "./config/config.ts";
import { type CheckToken, createCheckToken } from "./core/check.ts";
import { createExchange, exchangeAudiences } from "./core/exchange.ts";
import { createRegistryChanges, type RegistryChanges } from "./core/registry/changes.ts";
import { createKeyUsage } from "./core/registry/key-usage.ts";
import type { RegistryStore } from "./core/registry/store.ts";
import { openRegistryView, type RegistryView } from "./core/registry/view.ts";
import type { Clock, Random } from "./core/surroundings.ts";
import { deriveSigningKeys } from "./core/token/signing-keys.ts";
import { buildInternalApp, buildPublicApp } from "./http/app.ts";
import { createOriginalMethods } from "./http/check/original-method.ts";
import { createClientAddress } from "./http/endpoint.ts";
import { openHttpServer } from "./http/http-server.ts";
import { createMetrics } from "./http/metrics.ts";
import { createRefusalLimit } from "./http/refusal-limit.ts";
import { createRequestIds } from "./http/request-id.ts";
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
  const signingKeys = await openSigningKeys(config, store, changes, random);
  const keyUsage = createKeyUsage(store);

  const nextRequestId = createRequestIds(random);
  const publicServer = await openHttpServer(config.host, config.port, nextRequestId);
  const internalServer = await openHttpServer(config.adminHost, config.adminPort, nextRequestId);
  const publicUrl = config.publicUrl ?? publicServer.url;

  let stopping = false;
  const metrics = createMetrics(view);
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
  const exchange = createExchange({
    view,
    signingKeys,
    clock,
    random,
    audiences: exchangeAudiences(publicUrl),
    onKeyUsed: (keyId, atMs) => {
      keyUsage.record(keyId, atMs);
    },
  });
  const publicApp = await buildPublicApp({
    ...appDependencies,
    exchange,
    checkToken: createCheckToken({ view, signingKeys, clock }),
    refusalLimit: createRefusalLimit(config.refusalLimit, clock),
    originalMethods: createOriginalMethods(config.trustedProxies),
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
  publicServer.serve(publicApp.listener, publicUrl);
  internalServer.serve(internalApp.listener, publicUrl);

  return {
    publicUrl,
    adminUrl: internalServer.url,
    store,
    changes,
    async stop() {
      stopping = true;
      await Promise.all([publicServer.drain(DRAIN_MS_MAX), internalServer.drain(DRAIN_MS_MAX)]);
      await Promise.all([polling.stop(), flushing.stop(), publicApp.close(), internalApp.close()]);
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
