import { setTimeout } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { connectionLimits } from "../http/server/connection-limits.ts";
import { type HttpServer, openHttpServer } from "../http/server/http-server.ts";
import type { Logger } from "../platform/logger.ts";
import { spareDescriptors } from "../platform/spare-descriptors.ts";
import type { ProcessGroup } from "./process-group.ts";

/** How long requests under way may take once the service stops, in milliseconds. */
const DRAIN_MS_MAX = 10_000;

/** The same after a long drain delay, which counts towards it. */
const DRAIN_MS_MIN = 5000;

/** The two sockets of a node. */
export interface Listeners {
  readonly publicServer: HttpServer;
  readonly internalServer: HttpServer;
}

export interface ListenerOpener {
  /**
   * Opens both listeners; a later call returns the same ones.
   *
   * @param reason why the node isn't ready, for `/readyz` and refusals until it serves; without it, requests wait
   * @throws {ListenError}
   */
  open(reason?: string): Promise<Listeners>;
}

export function createListenerOpener(config: Config, log: Logger, nextRequestId: () => string): ListenerOpener {
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
  const openOne = (listener: keyof typeof limits, host: string, port: number) =>
    openHttpServer(host, port, nextRequestId, starting, {
      keepAliveMs: config.keepAlive,
      limits: limits[listener],
      onLimit({ evicted, refused }) {
        log.warn(
          { listener, connections_max: limits[listener].max, evicted, refused },
          "connections are at their limit: idle ones are closed for new ones",
        );
      },
    });
  let opened: Listeners | undefined;
  return {
    async open(reason) {
      starting.reason = reason ?? starting.reason;
      opened ??= {
        publicServer: await openOne("public", config.host, config.port),
        internalServer: await openOne("internal", config.adminHost, config.adminPort),
      };
      return opened;
    },
  };
}

/**
 * Lets requests under way end and closes both listeners, after the drain delay.
 *
 * @param onDelayOver called between the delay and the end, to close what never ends by itself
 */
export async function drainListeners(
  { publicServer, internalServer }: Listeners,
  drainDelayMs: number,
  group: ProcessGroup | undefined,
  onDelayOver: () => void,
): Promise<void> {
  publicServer.announceClose();
  internalServer.announceClose();
  // Until the delay is over, a load balancer can see that this node isn't ready.
  await setTimeout(drainDelayMs);
  onDelayOver();
  const drainMsMax = Math.max(DRAIN_MS_MIN, DRAIN_MS_MAX - drainDelayMs);
  const barrierOf = (listener: string) => group && ((step: string) => group.waitForAll(`${listener} ${step}`));
  await Promise.all([
    publicServer.drain(drainMsMax, barrierOf("public")),
    internalServer.drain(drainMsMax, barrierOf("internal")),
  ]);
}
