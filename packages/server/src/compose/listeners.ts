import { setTimeout } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { internalTlsFiles, publicTlsFiles } from "../config/tls-files.ts";
import { connectionLimits } from "../http/server/connection-limits.ts";
import { type HttpServer, openHttpServer } from "../http/server/http-server.ts";
import { socketPathOf } from "../platform/listener-url.ts";
import type { Logger } from "../platform/logger.ts";
import { spareDescriptors } from "../platform/spare-descriptors.ts";
import type { TlsCertificates } from "../platform/tls-certificates.ts";
import type { TlsFileNames } from "../platform/tls-files.ts";
import { isInSharedFolder, removeStaleSocket } from "../platform/unix-socket.ts";
import type { ProcessGroup } from "./process-group.ts";
import { listenedHosts } from "./sockets.ts";
import { tlsFileAccess } from "./tls-file-access.ts";

/** How long requests under way may take once the service stops, in milliseconds. */
const DRAIN_MS_MAX = 10_000;

/** The same after a long drain delay, which counts towards it. */
const DRAIN_MS_MIN = 5000;

/** What a node listens with; `undefined` for what another process serves. */
export interface Listeners {
  readonly publicServer: HttpServer | undefined;
  readonly internalServer: HttpServer | undefined;
  /** For the metrics of a node without the internal listener. */
  readonly metricsServer: HttpServer | undefined;
}

export interface ListenerOpener {
  /**
   * Opens the listeners of this process; a later call returns the same ones.
   *
   * @param reason why the node isn't ready, for `/readyz` and refusals until it serves; without it, requests wait
   * @throws {ListenError}
   * @throws {UnixSocketError}
   */
  open(reason?: string): Promise<Listeners>;
}

/** @param isAlone whether no other process serves on the same sockets */
export function createListenerOpener(
  config: Config,
  log: Logger,
  nextRequestId: () => string,
  isAlone: boolean,
  wallMs: () => number,
): ListenerOpener {
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
  const starting: { reason: string | undefined } = { reason: undefined };
  const openOne = async (
    listener: keyof typeof limits,
    host: string | undefined,
    port: number,
    files?: TlsFileNames,
  ) => {
    if (host === undefined) return undefined;
    const tls = files && (await openTls(listener, files));
    const path = socketPathOf(host);
    if (path !== undefined && isAlone) await removeStaleSocket(path);
    if (path !== undefined && isInSharedFolder(path)) {
      log.warn(
        { listener },
        "every user of this machine can write to the socket's folder, and put another socket there",
      );
    }
    return await openHttpServer(host, port, nextRequestId, starting, {
      tls,
      keepAliveMs: config.keepAlive,
      limits: limits[listener],
      onLimit({ evicted, refused }) {
        log.warn(
          { listener, connections_max: limits[listener].max, evicted, refused },
          "connections are at their limit: idle ones are closed for new ones",
        );
      },
    });
  };
  async function openTls(listener: string, files: TlsFileNames): Promise<TlsCertificates> {
    const { openTlsCertificates } = await import("../platform/tls-certificates.ts");
    return openTlsCertificates(listener, files, tlsFileAccess(config), wallMs, log);
  }
  const hosts = listenedHosts(config);
  const metricsHost = hosts.internal === undefined && config.metricsPort !== undefined ? config.metricsHost : undefined;
  let opened: Listeners | undefined;
  return {
    async open(reason) {
      starting.reason = reason ?? starting.reason;
      opened ??= {
        publicServer: await openOne("public", hosts.public, config.port, publicTlsFiles(config)),
        internalServer: await openOne("internal", hosts.internal, config.adminPort, internalTlsFiles(config)),
        metricsServer: await openOne("internal", metricsHost, config.metricsPort ?? 0),
      };
      return opened;
    },
  };
}

/**
 * Lets requests under way end and closes the listeners, after the drain delay.
 *
 * @param onDelayOver called between the delay and the end, to close what never ends by itself
 */
export async function drainListeners(
  { publicServer, internalServer, metricsServer }: Listeners,
  drainDelayMs: number,
  group: ProcessGroup | undefined,
  onDelayOver: () => void,
): Promise<void> {
  const served = Object.entries({ public: publicServer, internal: internalServer, metrics: metricsServer });
  for (const [, server] of served) server?.announceClose();
  // Until the delay is over, a load balancer can see that this node isn't ready.
  await setTimeout(drainDelayMs);
  onDelayOver();
  const drainMsMax = Math.max(DRAIN_MS_MIN, DRAIN_MS_MAX - drainDelayMs);
  const barrierOf = (listener: string) => group && ((step: string) => group.waitForAll(`${listener} ${step}`));
  await Promise.all(
    served.flatMap(([listener, server]) =>
      server === undefined ? [] : [server.drain(drainMsMax, barrierOf(listener))],
    ),
  );
}
