import { compile } from "@fastify/proxy-addr";
import type { ConnectionLimits } from "./connections.ts";
import { networkOf } from "./ip-address.ts";

/** Connections to the public listener where neither a setting nor the system says how many. */
const PUBLIC_MAX = 16_384;

/** Connections to the internal listener. */
const INTERNAL_MAX = 256;

/** Descriptors that are left for files: the store opens some later, and modules are loaded when they are needed. */
const FILES_RESERVED = 12;

/** Of each listener's connections, one in so many is for health checks alone. */
const HEALTH_SHARE = 8;
const HEALTH_MAX = 8;

export interface LimitSettings {
  readonly connectionsMax: number | undefined;
  readonly connectionsPerAddressMax: number | undefined;
  readonly trustedProxies: readonly string[];
}

/** The limits of both listeners. */
export interface ListenerLimits {
  readonly public: ConnectionLimits;
  readonly internal: ConnectionLimits;
}

/**
 * Divides what a process can still open between files, the internal listener and the public one, so that neither clients nor
 * gateways can take from operators what they need to switch a key off.
 *
 * @param spareDescriptors how many files and connections can still be opened; `undefined` where that isn't known
 * @param databaseConnections how many of them the store may need
 */
export function connectionLimits(
  { connectionsMax, connectionsPerAddressMax, trustedProxies }: LimitSettings,
  spareDescriptors: number | undefined,
  databaseConnections: number,
): ListenerLimits {
  const spare = Math.max(8, (spareDescriptors ?? Number.POSITIVE_INFINITY) - FILES_RESERVED - databaseConnections);
  const internalMax = Math.min(INTERNAL_MAX, Math.floor(spare / 4));
  const publicMax = Math.min(connectionsMax ?? PUBLIC_MAX, spare - internalMax);
  const isTrusted = trustedProxies.length === 0 ? () => false : compile([...trustedProxies]);
  return {
    public: {
      max: publicMax,
      reserved: reservedOf(publicMax),
      perAddressMax: connectionsPerAddressMax ?? Math.max(1, Math.floor(publicMax / 2)),
      clientOf: (address) => (isTrusted(address, 0) ? undefined : networkOf(address)),
    },
    internal: {
      max: internalMax,
      reserved: reservedOf(internalMax),
      perAddressMax: internalMax,
      clientOf: () => undefined,
    },
  };
}

function reservedOf(max: number): number {
  return Math.min(HEALTH_MAX, Math.floor(max / HEALTH_SHARE));
}
