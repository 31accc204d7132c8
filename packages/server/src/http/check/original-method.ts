import type { IncomingMessage } from "node:http";
import { compile } from "@fastify/proxy-addr";

/** The methods that trusted proxies name for the request that a gateway asks about; none where none does. */
export type OriginalMethods = (request: IncomingMessage) => readonly string[];

const METHOD_HEADERS = ["x-forwarded-method", "x-original-method"] as const;

/**
 * Reads the original method from `X-Forwarded-Method` (Traefik, Caddy) and `X-Original-Method` (nginx, by convention), from a
 * trusted proxy only: anybody else could turn a write into a read. Both count where both are there, since a gateway that
 * sets one of them may let a client's own forgery of the other pass.
 */
export function createOriginalMethods(trustedProxies: readonly string[]): OriginalMethods {
  if (trustedProxies.length === 0) return () => [];
  const isTrusted = compile([...trustedProxies]);
  return (request) => {
    const peer = request.socket.remoteAddress;
    if (peer === undefined || !isTrusted(peer, 0)) return [];
    return METHOD_HEADERS.flatMap((name) => request.headers[name] ?? []);
  };
}
