import type { IncomingMessage } from "node:http";
import type { TrustedProxies } from "../server/trusted-proxies.ts";

/** May a read-only user make this request? */
export type IsReading = (request: IncomingMessage) => boolean;

/** Headers in which gateways name the original method: Traefik and Caddy use the first, nginx by convention the second. */
const METHOD_HEADERS = ["x-forwarded-method", "x-original-method"] as const;

/** Headers by which a client asks the API behind the gateway to treat its GET as another method. Some frameworks obey them. */
const OVERRIDE_HEADERS = ["x-http-method-override", "x-http-method", "x-method-override"] as const;

/**
 * Decides by the method of the client's original request, which may differ from the method of the gateway's request to the check.
 *
 * - If a trusted proxy sends `X-Forwarded-Method` or `X-Original-Method`, they decide instead of the request's own method. Both must
 *   be reading methods if both are present, because a gateway that sets one may pass a client's forgery of the other through.
 * - Otherwise the request's own method must be a reading method, and so must every method in those headers: from an untrusted
 *   sender they can only restrict.
 * - Method overrides, from any sender, can only restrict.
 *
 * A repeated header, an empty header and a lower-case method aren't reading methods (methods are case-sensitive, RFC 9110 §9.1).
 *
 * @param onUntrusted called once, when an untrusted address names a method: probably a gateway that is missing from the trusted
 *   proxies
 */
export function createIsReading(
  { isTrustedPeer }: TrustedProxies,
  onUntrusted: () => void = () => undefined,
): IsReading {
  let wasReported = false;
  return ({ method, socket, headers }) => {
    const overrides = OVERRIDE_HEADERS.flatMap((name) => headers[name] ?? []);
    const named = METHOD_HEADERS.flatMap((name) => headers[name] ?? []);
    if (named.length > 0) {
      if (isTrustedPeer(socket)) return [...named, ...overrides].every(isReadingMethod);
      if (!wasReported) onUntrusted();
      wasReported = true;
    }
    return [method, ...named, ...overrides].every(isReadingMethod);
  };
}

/** The safe methods of RFC 9110 §9.2.1, without TRACE. */
function isReadingMethod(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}
