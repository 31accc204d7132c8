import { UNIX_PEER } from "../../platform/listener-url.ts";
import type { ConnectionLimits } from "./connections.ts";
import { networkOf } from "./ip-address.ts";
import { createTrustedProxies } from "./trusted-proxies.ts";

/** Connections to the public listener if neither a setting nor the system limits them. */
const PUBLIC_MAX = 16_384;

/** Connections to the internal listener. */
const INTERNAL_MAX = 256;

/** Descriptors reserved for files: the store opens some later, and modules are loaded on demand. */
const FILES_RESERVED = 12;

/** One in this many of a listener's connections is reserved for health checks. */
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
 * Divides the available descriptors between files, the internal listener and the public one, so that neither clients nor gateways
 * can take the connections that operators need to deactivate a key.
 *
 * @param spareDescriptors how many files and connections can still be opened; `undefined` if unknown
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
  const { isTrustedAddress } = createTrustedProxies(trustedProxies);
  return {
    public: {
      max: publicMax,
      reserved: reservedOf(publicMax),
      perAddressMax: connectionsPerAddressMax ?? Math.max(1, Math.floor(publicMax / 2)),
      // Behind a Unix socket is a gateway, whether its headers are trusted or not.
      clientOf: (address) => (address === UNIX_PEER || isTrustedAddress(address) ? undefined : networkOf(address)),
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
