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

/** How often the store is asked for addresses that are over their limit, all together. */
const QUESTIONS_PER_SECOND = 20;

/**
 * Lets resource servers in. Only wrong credentials meet the refusal limit: a resource server that shares an address with
 * somebody who guesses must not be shut out by that.
 */
export interface ResourceServerDoor {
  /** @throws {Refusal} `client_rejected`, `rate_limited`, `unavailable` */
  enter(credentials: () => ResourceServerCredentials, clientAddress: string): ResourceServer | Promise<ResourceServer>;
}

export function createResourceServerDoor(
  authenticate: AuthenticateResourceServer,
  limit: RefusalLimit,
  clock: Clock,
): ResourceServerDoor {
  let second = Number.NEGATIVE_INFINITY;
  let taken = 0;
  /** Is there a question to the store left in this second, for addresses over their limit? */
  function takeQuestion(): boolean {
    const now = Math.floor(clock.monotonicMs() / 1000);
    if (now !== second) taken = 0;
    second = now;
    return ++taken <= QUESTIONS_PER_SECOND;
  }

  return {
    enter(credentials, clientAddress) {
      const isOver = limit.isOver(clientAddress);
      const refuse = (error: unknown): never => {
        if (error instanceof Refusal && error.code === "client_rejected") limit.check(clientAddress);
        throw error;
      };
      try {
        // Whoever guesses makes the store work a few times a second at most; whom the view knows gets in all the same.
        const server = authenticate(credentials(), !isOver || takeQuestion());
        return server instanceof Promise ? server.catch(refuse) : server;
      } catch (error) {
        return refuse(error);
      }
    },
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
