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

/** How many questions to the store addresses over their limit may cause, all together. */
const QUESTIONS_PER_SECOND = 20;

/**
 * Authenticates a resource server. Only wrong credentials meet the refusal limit: a resource server that shares an address with a
 * client that guesses secrets must not be shut out by that.
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
  /** Takes one of this second's questions to the store for addresses over their limit, if one is left. */
  function takeQuestion(): boolean {
    const now = Math.floor(clock.monotonicMs() / 1000);
    if (now !== second) taken = 0;
    second = now;
    return ++taken <= QUESTIONS_PER_SECOND;
  }

  return (credentials, clientAddress) => {
    const isOver = limit.isOver(clientAddress);
    const refuse = (error: unknown): never => {
      if (error instanceof Refusal && error.code === "client_rejected") limit.check(clientAddress);
      throw error;
    };
    try {
      // A client that guesses makes the store work a few times a second at most; resource servers in the view need no question.
      const server = authenticate(credentials(), !isOver || takeQuestion());
      return server instanceof Promise ? server.catch(refuse) : server;
    } catch (error) {
      return refuse(error);
    }
  };
}

/**
 * Credentials by HTTP Basic or in the form (RFC 6749 §2.3.1), and not both.
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
