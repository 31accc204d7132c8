/**
 * For Express 4 and 5, and what else speaks its middleware, such as Connect:
 *
 *     app.use("/v1", expressMiddleware(verifier));
 *     app.get("/v1/me", (request, response) => response.json(request.auth));
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Auth } from "./caller.ts";
import type { Verifier } from "./create-verifier.ts";
import { requestFacts, sendRefusal } from "./send-refusal.ts";

declare global {
  namespace Express {
    interface Request {
      /** Whose request it is; only behind the middleware of `@countersign/verifier`. */
      auth?: Auth;
    }
  }
}

/** Lets requests with a good token through, with the caller in `request.auth`, and refuses all others. */
export function expressMiddleware(
  verifier: Pick<Verifier, "admit">,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    const admission = await verifier.admit(requestFacts(request));
    if (!admission.admitted) {
      sendRefusal(response, admission.refusal);
      return;
    }
    Object.assign(request, { auth: admission.auth });
    next();
  };
}
