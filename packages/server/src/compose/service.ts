import { startBackgroundWork } from "./background.ts";
import type { CliService } from "../cli/context.ts";
import type { Config } from "../config/config.ts";
import { createHeartbeat } from "../core/signing-keys/heartbeat.ts";
import type { StoreOpening } from "../core/store-identity/position.ts";
import { createRequestIds } from "../http/server/request-id.ts";
import { checkKeyBlocklists } from "../platform/key-blocklist.ts";
import type { Logger } from "../platform/logger.ts";
import { composeInternalListener } from "./internal-listener.ts";
import { createListenerOpener, drainListeners } from "./listeners.ts";
import { composeNode } from "./node.ts";
import { openRegistry } from "./open-registry.ts";
import { openStoreWhenReachable } from "./open-store.ts";
import type { ProcessGroup } from "./process-group.ts";
import { composePublicListener } from "./public-listener.ts";
import { systemSurroundings, VERSION } from "./surroundings.ts";

/**
 * Opens the store, starts both listeners and serves.
 *
 * @param group the processes that serve beside this one; `undefined` where it serves alone
 */
export async function startService(
  config: Config,
  log: Logger,
  surroundings = systemSurroundings(),
  group?: ProcessGroup,
  opening: StoreOpening = {},
): Promise<CliService> {
  checkKeyBlocklists(config.keyBlocklist);
  const { clock, random } = surroundings;
  const nextRequestId = createRequestIds(random);
  const opener = createListenerOpener(config, log, nextRequestId);
  const isAlone = group === undefined;
  const { store, position } = await openStoreWhenReachable(
    config,
    // A worker's store was created by the process that started the worker. One that is gone must not come back empty.
    { ...opening, mayCreate: isAlone, isChecked: isAlone },
    async (problem) => {
      log.warn({ reason: problem }, "not ready");
      // The caller may be a stranger: only the log says where the store is.
      await opener.open("the store can't be reached; the log says why");
    },
  );
  const registry = await openRegistry(config, store, surroundings, log);
  const { commit, signingKeys } = registry;
  const listeners = await opener.open();
  const { publicServer, internalServer } = listeners;
  const node = composeNode({
    config,
    log,
    surroundings,
    registry,
    nextRequestId,
    publicUrl: config.publicUrl ?? publicServer.url,
    streamCount: () => changeStreams.count(),
    connections: { public: () => publicServer.connections(), internal: () => internalServer.connections() },
    gather: group && (() => group.gather()),
  });
  const { app: publicApp, changeStreams } = await composePublicListener(node);
  const internalApp = await composeInternalListener(node, internalServer.url);
  const background = await startBackgroundWork({
    ...node,
    changeStreams,
    memory: position,
    heartbeat: createHeartbeat(
      store,
      signingKeys,
      commit,
      {
        id: random.bytes(8).toString("hex"),
        startedAtMs: clock.wallMs(),
        version: VERSION,
        publicUrl: node.publicUrl,
      },
      (error) => {
        log.warn({ err: error }, "this node can't register in the store; it tries again");
      },
    ),
  });
  group?.report(
    () => node.metrics.figures(),
    () => node.metrics.counters(),
    background.isStuck,
  );
  publicServer.serve(publicApp.listener, node.publicUrl);
  internalServer.serve(internalApp.listener, node.publicUrl);

  return {
    publicUrl: node.publicUrl,
    adminUrl: internalServer.url,
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
      await drainListeners(listeners, config.drainDelay, group, () => changeStreams.close());
      await background.stop();
      await Promise.all([publicApp.close(), internalApp.close()]);
      await node.keyExaminer.close();
      await background.deregister();
      await store.close();
    },
  };
}
