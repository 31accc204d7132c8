import { fastify, type FastifyInstance } from "fastify";
import { registerOpenApi } from "../../docs/openapi.ts";
import type { AdminHandlers } from "./handlers.ts";
import { documentAdminRoute } from "./openapi.ts";
import { createOrigins } from "./origins.ts";
import { registerAdminRoutes } from "./register-routes.ts";

/** The admin API's OpenAPI document without a service behind it: for whoever makes types of it. */
export async function adminApiDocument(): Promise<ReturnType<FastifyInstance["swagger"]>> {
  const app = fastify() as unknown as FastifyInstance;
  const info = { title: "Countersign, internal listener", description: "", version: "", url: "http://localhost:8081" };
  await registerOpenApi(app, info, {}, documentAdminRoute);
  const nobody = () => Promise.resolve(undefined);
  await registerAdminRoutes(app, {
    authenticate: { bySession: nobody, byAdminToken: nobody },
    origins: createOrigins(undefined, info.url),
    refusalLimit: { check: () => undefined, isOver: () => false, count: () => false },
    clientAddress: () => "",
    // None is ever called.
    handlers: {} as AdminHandlers,
  });
  await app.ready();
  return app.swagger();
}
