/**
 * For handlers of the Fetch standard, which get a `Request` and return a `Response`:
 *
 *     export default { fetch: fetchHandler(verifier, (request, auth) => Response.json(auth)) };
 */
import type { Auth } from "./caller.ts";
import type { Verifier } from "./create-verifier.ts";

/**
 * A handler that calls `handler` for requests with a good token, and refuses all others. The caller is the second argument;
 * what else the server passes comes behind.
 *
 * It rejects only with what `handler` throws.
 */
export function fetchHandler<More extends readonly unknown[] = []>(
  verifier: Pick<Verifier, "admit">,
  handler: (request: Request, auth: Auth, ...more: More) => Response | Promise<Response>,
): (request: Request, ...more: More) => Promise<Response> {
  return async (request, ...more) => {
    const { method, headers } = request;
    const admission = await verifier.admit({ method, authorization: headers.get("authorization") });
    if (admission.admitted) return await handler(request, admission.auth, ...more);
    const { refusal } = admission;
    return new Response(refusal.body, { status: refusal.status, headers: refusal.headers });
  };
}
