import type { IncomingMessage } from "node:http";
import { compile } from "@fastify/proxy-addr";

/** The methods that trusted proxies name for the request that a gateway asks about; none where none does. */
export type OriginalMethods = (request: IncomingMessage) => readonly string[];

const METHOD_HEADERS = ["x-forwarded-method", "x-original-method"] as const;

/**
 * Reads the original method from `X-Forwarded-Method` (Traefik, Caddy) and `X-Original-Method` (nginx, by convention), from a
 * trusted proxy only: anybody else could turn a write into a read. Both count where both are there, since a gateway that
 * sets one of them may let a client's own forgery of the other pass.
 *
 * @param onUntrusted told, once, that somebody else sends them: most likely a gateway that nobody has named as trusted, behind
 *   which a read-only user's writes pass
 */
export function createOriginalMethods(
  trustedProxies: readonly string[],
  onUntrusted: () => void = () => undefined,
): OriginalMethods {
  const isTrusted = trustedProxies.length === 0 ? () => false : compile([...trustedProxies]);
  let wasTold = false;
  return ({ socket, headers }) => {
    const methods = METHOD_HEADERS.flatMap((name) => headers[name] ?? []);
    if (methods.length === 0) return methods;
    if (socket.remoteAddress !== undefined && isTrusted(socket.remoteAddress, 0)) return methods;
    if (!wasTold) onUntrusted();
    wasTold = true;
    return [];
  };
}
