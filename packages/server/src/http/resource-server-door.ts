import type { IncomingMessage } from "node:http";
import {
  type AuthenticateResourceServer,
  parseBasicCredentials,
  type ResourceServerCredentials,
} from "../core/authenticate-resource-server.ts";
import { Refusal } from "../core/refusal.ts";
import type { ResourceServer } from "../core/registry/model.ts";
import type { RefusalLimit } from "./refusal-limit.ts";
import type { Form } from "./oauth/read-form.ts";

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
): ResourceServerDoor {
  return {
    enter(credentials, clientAddress) {
      const isOver = limit.isOver(clientAddress);
      const refuse = (error: unknown): never => {
        if (error instanceof Refusal && error.code === "client_rejected") limit.check(clientAddress);
        throw error;
      };
      try {
        // Whoever guesses doesn't get to ask the store any more; whom the view knows gets in all the same.
        const server = authenticate(credentials(), !isOver);
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
