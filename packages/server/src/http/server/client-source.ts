import type { IncomingMessage } from "node:http";
import type { Source } from "../../core/check-source.ts";
import { type ClientAddress, namesClient, peerAddress } from "./client-address.ts";
import { parseIpAddress } from "./ip-address.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** Finds where a request came from, for limits on networks. More is at stake than in {@link ClientAddress}, which counts refusals. */
export interface ClientSource {
  /** The client that sent a request, itself or through trusted proxies. */
  find(request: IncomingMessage): Source;
  /** The client that a trusted proxy names; `undefined` if none does. For requests that a gateway makes about its own client. */
  findNamed(request: IncomingMessage): Source | undefined;
}

/**
 * Headers in which proxies say for whom they ask. From a peer that isn't a trusted proxy they show that the peer may be a proxy, and
 * its address not the client's.
 */
const FORWARDING_HEADERS = [
  "x-forwarded-for",
  "forwarded",
  "x-real-ip",
  "x-forwarded-proto",
  "x-forwarded-host",
] as const;

/**
 * Makes the source of a listener's requests.
 *
 * - A trusted proxy must name its client in `X-Forwarded-For` or `Forwarded`; its own address stands for no client.
 * - The address of any other peer is the client's, unless the request has one of the {@link FORWARDING_HEADERS}.
 *
 * @param isBehindUnnamedProxy does the configuration show that a proxy stands in front, but not which? Then no peer is a client
 */
export function createClientSource(
  { isTrustedPeer }: TrustedProxies,
  clientAddress: ClientAddress,
  isBehindUnnamedProxy: boolean,
): ClientSource {
  function findNamed(request: IncomingMessage): Source | undefined {
    return isTrustedPeer(request.socket) && namesClient(request) ? sourceAt(clientAddress(request)) : undefined;
  }

  return {
    findNamed,
    find(request) {
      if (isTrustedPeer(request.socket)) return findNamed(request) ?? { problem: "proxy_silent" };
      const isForwarded = FORWARDING_HEADERS.some((name) => request.headers[name] !== undefined);
      return isForwarded || isBehindUnnamedProxy ? { problem: "proxy_untrusted" } : sourceAt(peerAddress(request));
    },
  };
}

function sourceAt(address: string): Source {
  return parseIpAddress(address) === undefined ? { problem: "unreadable" } : { address };
}
