import { hostname } from "node:os";
import { startBackgroundWork } from "./background.ts";
import type { CliService } from "../cli/context.ts";
import type { Config } from "../config/config.ts";
import { internalListenerUrl } from "../config/listener-urls.ts";
import { createHeartbeat } from "../core/signing-keys/heartbeat.ts";
import type { Telemetry } from "../core/tracer.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { createRequestIds } from "../http/server/request-id.ts";
import { checkKeyBlocklists } from "../platform/key-blocklist.ts";
import { socketPathOf } from "../platform/listener-url.ts";
import type { Logger } from "../platform/logger.ts";
import { composeInternalListener, composeMetricsListener } from "./internal-listener.ts";
import { createListenerOpener, drainListeners } from "./listeners.ts";
import { composeNode } from "./node.ts";
import { openRegistry } from "./open-registry.ts";
import { openStoreWhenReachable } from "./open-store.ts";
import type { ProcessGroup } from "./process-group.ts";
import { composePublicListener, type PublicListener } from "./public-listener.ts";
import { findPublicUrls } from "./public-urls.ts";
import { systemSurroundings, VERSION } from "./surroundings.ts";
import { traceStore } from "./tracing.ts";

/** A service that this process runs. */
export interface RunningService extends CliService {
  /** The URLs of the listeners that this process serves; `null` for one that another process serves. */
  readonly served: { readonly publicUrl: string | null; readonly adminUrl: string | null };
}

/**
 * Opens the store, starts the listeners of this process and serves.
 *
 * @param group the processes that serve beside this one; `undefined` where it serves alone
 * @param telemetry where traces and metrics are sent; ended by the caller after {@link RunningService.stop}
 */
export async function startService(
  config: Config,
  log: Logger,
  surroundings = systemSurroundings(),
  group?: ProcessGroup,
  opening: StoreOpening = {},
  telemetry?: Telemetry,
): Promise<RunningService> {
  checkKeyBlocklists(config.keyBlocklist);
  const { clock, random } = surroundings;
  const nextRequestId = createRequestIds(random);
  const isAlone = group === undefined;
  const opener = createListenerOpener(config, log, nextRequestId, isAlone, () => clock.wallMs());
  const tracer = telemetry?.tracer;
  const { store: openedStore, position } = await openStoreWhenReachable(
    config,
    // A worker's store was created by the process that started the worker. One that is gone must not come back empty.
    { ...opening, mayCreate: isAlone, isChecked: isAlone },
    async (problem) => {
      log.warn({ reason: problem }, "not ready");
      // The caller may be a stranger: only the log says where the store is.
      await opener.open("the store can't be reached; the log says why");
    },
  );
  const store = traceStore(tracer, openedStore);
  const registry = await openRegistry(config, store, surroundings, log);
  const { commit, signingKeys } = registry;
  const listeners = await opener.open();
  const { publicServer, internalServer, metricsServer } = listeners;
  const node = composeNode({
    config,
    log,
    surroundings,
    registry,
    nextRequestId,
    publicUrl: config.publicUrl ?? publicServer?.url ?? (await findPublicUrls(config, store))[0],
    streamCount: () => publicListener?.changeStreams.count() ?? 0,
    connections: {
      ...(publicServer && { public: () => publicServer.connections() }),
      ...(internalServer && { internal: () => internalServer.connections() }),
    },
    gather: group && (() => group.gather()),
    tracer,
  });
  // Of this process alone: each has its own service.instance.id.
  telemetry?.exportMetrics(() => node.metrics.figures());
  const { publicUrl } = node;
  if (config.publicUrl === undefined) warnOfUnknownPublicUrl(config, publicUrl, log);
  const publicListener: PublicListener | undefined = publicServer && (await composePublicListener(node));
  const internalApp = internalServer && (await composeInternalListener(node, internalServer.url));
  const metricsApp = metricsServer && (await composeMetricsListener(node, metricsServer.url));
  const background = await startBackgroundWork({
    ...node,
    changeStreams: publicListener?.changeStreams,
    isAdministered: internalServer !== undefined,
    memory: position,
    heartbeat: createHeartbeat(
      store,
      signingKeys,
      commit,
      registry.view.feed,
      {
        id: random.bytes(8).toString("hex"),
        startedAtMs: clock.wallMs(),
        version: VERSION,
        publicUrl: publicServer === undefined ? null : publicUrl,
        hostName: hostname(),
      },
      (error) => {
        log.warn({ err: error }, "this node can't register in the store; it tries again");
      },
    ),
  });
  group?.report(
    () => node.metrics.figures(),
    () => node.metrics.counters(),
    () => background.isStuck(),
  );
  if (publicListener !== undefined) publicServer?.serve(publicListener.app.listener, publicUrl);
  if (internalApp !== undefined) internalServer?.serve(internalApp.listener, publicUrl);
  if (metricsApp !== undefined) metricsServer?.serve(metricsApp.listener, publicUrl);

  return {
    publicUrl,
    adminUrl: internalServer?.url ?? internalListenerUrl(config),
    served: {
      publicUrl: publicServer === undefined ? null : publicUrl,
      adminUrl: internalServer?.url ?? null,
    },
    store,
    commit,
    admitKey: node.admitKey,
    state: () => ({
      status: registry.view.feed.isFresh()
        ? `serving ${node.publicUrl}`
        : "not ready: the registry view isn't confirmed",
      isStuck: background.isStuck(),
    }),
    async stop() {
      node.announceStop();
      // Streams never end by themselves.
      await drainListeners(listeners, config.drainDelay, group, () => publicListener?.changeStreams.close());
      await background.stop();
      await Promise.all([publicListener?.app.close(), internalApp?.close(), metricsApp?.close()]);
      await node.keyExaminer.close();
      await background.deregister();
      await store.close();
    },
  };
}

/** Warns if the URL at which clients reach the service is only a guess. */
function warnOfUnknownPublicUrl({ host, listenOnly }: Config, publicUrl: string, log: Logger): void {
  const facts = { public_url: publicUrl };
  if (listenOnly === "internal") {
    log.warn(
      facts,
      "COUNTERSIGN_PUBLIC_URL isn't set, and this process doesn't serve the public listener: the console's examples and proofs of possession take this URL for the service's; set the variable as on the other nodes",
    );
  } else if (socketPathOf(host) !== undefined) {
    log.warn(
      facts,
      "COUNTERSIGN_PUBLIC_URL isn't set, and a Unix socket has no URL: set it to the URL at which clients reach the gateway; until then links in answers lead nowhere, and assertions whose aud is the gateway's URL are refused",
    );
  }
}
