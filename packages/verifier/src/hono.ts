/**
 * For Hono, on Node and wherever else it runs beside this package's own needs (`node:crypto`):
 *
 *     const app = new Hono<{ Variables: AuthVariables }>();
 *     app.use("/v1/*", honoMiddleware(verifier));
 *     app.get("/v1/me", (c) => c.json(c.get("auth")));
 */
import type { Auth } from "./caller.ts";
import type { Verifier } from "./create-verifier.ts";

/** What the middleware sets, for the type of the application. */
export interface AuthVariables {
  /** Whose request it is. */
  auth: Auth;
}

/** As much of Hono's context as the middleware calls. */
interface Context {
  readonly req: { readonly method: string; readonly raw: Request };
  set(name: "auth", value: Auth): void;
}

/** Lets requests with a good token through, with the caller in `c.get("auth")`, and refuses all others. */
export function honoMiddleware(
  verifier: Pick<Verifier, "admit">,
): (context: Context, next: () => Promise<void>) => Promise<Response | undefined> {
  return async (context, next) => {
    const { method, raw } = context.req;
    const admission = await verifier.admit({ method, authorization: raw.headers.get("authorization") });
    if (admission.admitted) {
      context.set("auth", admission.auth);
      await next();
      return undefined;
    }
    const { status, headers, body } = admission.refusal;
    return new Response(body, { status, headers });
  };
}
