import type { IncomingMessage } from "node:http";
import { compile } from "@fastify/proxy-addr";

/** Is this a request that a read-only user may make? */
export type IsReading = (request: IncomingMessage) => boolean;

/** What a gateway names the original method in: Traefik and Caddy the first, nginx by convention the second. */
const METHOD_HEADERS = ["x-forwarded-method", "x-original-method"] as const;

/** Headers by which a client asks the API behind the gateway to treat its GET as another method; some frameworks do. */
const OVERRIDE_HEADERS = ["x-http-method-override", "x-http-method", "x-method-override"] as const;

/**
 * Decides by the method of the request that a gateway asks about, which isn't always the method that it asks with.
 *
 * - A trusted proxy's word decides: what its `X-Forwarded-Method` and `X-Original-Method` say must be reading methods, both
 *   where both are there, since a gateway that sets one may let a client's forgery of the other pass. The method that it
 *   asks with doesn't count then.
 * - Where no trusted proxy says anything, the request's own method must be a reading one, and so must every method in
 *   those headers, from any sender: a claim can only restrict.
 * - A method override, from any sender, can only restrict too.
 *
 * A repeated header, an empty one and a method in lower case aren't reading methods (methods are case-sensitive, RFC 9110 §9.1).
 *
 * @param onUntrusted called once, when an address that isn't trusted names a method: most likely a gateway that is missing
 *   from the trusted proxies
 */
export function createIsReading(
  trustedProxies: readonly string[],
  onUntrusted: () => void = () => undefined,
): IsReading {
  const isTrusted = trustedProxies.length === 0 ? () => false : compile([...trustedProxies]);
  let wasReported = false;
  return ({ method, socket, headers }) => {
    const overrides = OVERRIDE_HEADERS.flatMap((name) => headers[name] ?? []);
    const named = METHOD_HEADERS.flatMap((name) => headers[name] ?? []);
    if (named.length > 0) {
      if (socket.remoteAddress !== undefined && isTrusted(socket.remoteAddress, 0)) {
        return [...named, ...overrides].every(isReadingMethod);
      }
      if (!wasReported) onUntrusted();
      wasReported = true;
    }
    return [method, ...named, ...overrides].every(isReadingMethod);
  };
}

/** RFC 9110 §9.2.1, without TRACE. */
function isReadingMethod(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}
