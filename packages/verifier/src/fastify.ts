/**
 * For Fastify 4 and 5:
 *
 *     await app.register(fastifyPlugin(verifier));
 *     app.get("/me", (request) => request.auth);
 *
 * It covers the routes of the context that it is registered in, and of those inside.
 */
import type { IncomingMessage } from "node:http";
import type { Auth } from "./caller.ts";
import type { Verifier } from "./create-verifier.ts";
import { requestFacts } from "./send-refusal.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Whose request it is; `null` outside of the plugin of `@countersign/verifier`. */
    auth: Auth | null;
  }
}

/** As much of Fastify as the plugin calls. */
interface App {
  hasRequestDecorator(name: string): boolean;
  decorateRequest(name: "auth", value: null): unknown;
  addHook(name: "onRequest", hook: (request: Request, reply: Reply) => Promise<unknown>): unknown;
}

interface Request {
  readonly raw: Pick<IncomingMessage, "method" | "headers" | "rawHeaders">;
  auth: Auth | null;
}

interface Reply {
  code(status: number): this;
  headers(headers: Readonly<Record<string, string>>): this;
  send(body: string): this;
}

/** A plugin that lets requests with a good token through, with the caller in `request.auth`, and refuses all others. */
export function fastifyPlugin(verifier: Pick<Verifier, "admit">): (app: App) => Promise<void> {
  const plugin = async (app: App) => {
    // Two contexts may register it, one inside the other.
    if (!app.hasRequestDecorator("auth")) app.decorateRequest("auth", null);
    app.addHook("onRequest", async (request, reply) => {
      const admission = await verifier.admit(requestFacts(request.raw));
      if (admission.admitted) {
        request.auth = admission.auth;
        return undefined;
      }
      const { status, headers, body } = admission.refusal;
      return reply.code(status).headers(headers).send(body);
    });
  };
  // Without this the hook would cover a context of the plugin's own, that is nothing (the package fastify-plugin does the same).
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "@countersign/verifier",
  });
}
