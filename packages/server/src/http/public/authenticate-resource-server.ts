import type { IncomingMessage } from "node:http";
import {
  type AuthenticateResourceServer,
  parseBasicCredentials,
  type ResourceServerCredentials,
} from "../../core/resource-servers/authenticate.ts";
import { Refusal } from "../../core/refusal.ts";
import type { ResourceServer } from "../../core/resource-servers/model.ts";
import type { Clock } from "../../core/surroundings.ts";
import type { RefusalLimit } from "../server/refusal-limit.ts";
import type { Form } from "./oauth/read-form.ts";

/** How many store lookups all addresses over their limit may cause together. */
const LOOKUPS_PER_SECOND = 20;

/**
 * Authenticates a resource server. Only wrong credentials are subject to the refusal limit, so that a client that guesses secrets
 * can't lock out a resource server that shares its address.
 *
 * @throws {Refusal} `client_rejected`, `rate_limited`, `unavailable`
 */
export type LimitedAuthentication = (
  credentials: () => ResourceServerCredentials,
  clientAddress: string,
) => ResourceServer | Promise<ResourceServer>;

export function createLimitedAuthentication(
  authenticate: AuthenticateResourceServer,
  limit: RefusalLimit,
  clock: Clock,
): LimitedAuthentication {
  let second = Number.NEGATIVE_INFINITY;
  let taken = 0;
  /** Takes one of this second's store lookups for addresses over their limit. @returns whether one was left */
  function takeLookup(): boolean {
    const now = Math.floor(clock.monotonicMs() / 1000);
    if (now !== second) taken = 0;
    second = now;
    return ++taken <= LOOKUPS_PER_SECOND;
  }

  return (credentials, clientAddress) => {
    const isOver = limit.isOver(clientAddress);
    const refuse = (error: unknown): never => {
      if (error instanceof Refusal && error.code === "client_rejected") limit.check(clientAddress);
      throw error;
    };
    try {
      // A guessing client causes at most a few store lookups a second. Cached resource servers need none.
      const server = authenticate(credentials(), !isOver || takeLookup());
      return server instanceof Promise ? server.catch(refuse) : server;
    } catch (error) {
      return refuse(error);
    }
  };
}

/**
 * Reads credentials from HTTP Basic or from the form (RFC 6749 §2.3.1). A request with both is refused.
 *
 * @throws {Refusal} `client_rejected`, `bad_request`
 */
export function readCredentials(request: IncomingMessage, form: Form): ResourceServerCredentials {
  const { authorization } = request.headers;
  const clientSecret = form("client_secret");
  if (clientSecret === undefined) return parseBasicCredentials(authorization);
  if (authorization !== undefined) {
    throw new Refusal("bad_request", "The request authenticates twice: by the Authorization header and in the form.");
  }
  return { clientId: form("client_id") ?? "", clientSecret };
}
