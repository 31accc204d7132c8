/**
 * For `node:http` (and `node:https`, and what else calls a listener with the two objects):
 *
 *     createServer(nodeHandler(verifier, (request, response) => response.end(request.auth.username)))
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Auth } from "./caller.ts";
import type { Verifier } from "./create-verifier.ts";
import { requestFacts, sendRefusal } from "./send-refusal.ts";

/** A request that was let through. */
export type AuthenticatedRequest = IncomingMessage & { auth: Auth };

/**
 * A listener that calls `handler` for requests with a good token, with the caller in `request.auth`, and refuses all others.
 *
 * It rejects only with what `handler` throws, as an `async` listener would without it.
 */
export function nodeHandler(
  verifier: Pick<Verifier, "admit">,
  handler: (request: AuthenticatedRequest, response: ServerResponse) => unknown,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const admission = await verifier.admit(requestFacts(request));
    if (admission.admitted) await handler(Object.assign(request, { auth: admission.auth }), response);
    else sendRefusal(response, admission.refusal);
  };
}
