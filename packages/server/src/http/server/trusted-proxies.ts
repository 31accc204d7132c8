import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { compile } from "@fastify/proxy-addr";
import { UNIX_PEER } from "../../platform/listener-url.ts";
import { parseIpAddress } from "./ip-address.ts";

/** Whose `X-Forwarded-*` headers are believed. */
export interface TrustedProxies {
  /** Is nobody trusted? */
  readonly isEmpty: boolean;
  /** Is that the address of a trusted proxy? `unix:` stands for every program that connects to a Unix socket. */
  readonly isTrustedAddress: (address: string) => boolean;
  /** Does a connection come from a trusted proxy? */
  readonly isTrustedPeer: (socket: Pick<Socket, "remoteAddress">) => boolean;
}

/** Has the peer shown a client certificate by one of the listener's authorities? */
export function isVerifiedClient(socket: object): boolean {
  return (socket as Partial<TLSSocket>).authorized === true;
}

/**
 * @param entries as configured: addresses, networks and `unix:`
 * @param areGatewaysVerified whether gateways have client certificates: then a peer with one is a trusted proxy, too
 */
export function createTrustedProxies(entries: readonly string[], areGatewaysVerified = false): TrustedProxies {
  const networks = entries.filter((entry) => entry !== UNIX_PEER);
  const isUnixTrusted = networks.length < entries.length;
  const isInNetworks = networks.length === 0 ? () => false : compile(networks);
  const isTrustedAddress = (address: string) => (address === UNIX_PEER ? isUnixTrusted : isInNetworks(address, 0));
  return {
    isEmpty: entries.length === 0 && !areGatewaysVerified,
    isTrustedAddress,
    isTrustedPeer(socket) {
      if (isVerifiedClient(socket)) return true;
      const { remoteAddress } = socket;
      return remoteAddress !== undefined && isTrustedAddress(parseIpAddress(remoteAddress) ?? remoteAddress);
    },
  };
}
