import type { Socket } from "node:net";
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

/** @param entries as configured: addresses, networks and `unix:` */
export function createTrustedProxies(entries: readonly string[]): TrustedProxies {
  const networks = entries.filter((entry) => entry !== UNIX_PEER);
  const isUnixTrusted = networks.length < entries.length;
  const isInNetworks = networks.length === 0 ? () => false : compile(networks);
  const isTrustedAddress = (address: string) => (address === UNIX_PEER ? isUnixTrusted : isInNetworks(address, 0));
  return {
    isEmpty: entries.length === 0,
    isTrustedAddress,
    isTrustedPeer: ({ remoteAddress }) =>
      remoteAddress !== undefined && isTrustedAddress(parseIpAddress(remoteAddress) ?? remoteAddress),
  };
}
