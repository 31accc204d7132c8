import { fastify, type FastifyInstance } from "fastify";
import { registerOpenApi } from "../docs/openapi.ts";
import { nameSchemas } from "../docs/schema-names.ts";
import { ADMIN_ROUTES } from "./routes.ts";
import { documentAdminRoutes } from "./http/openapi.ts";
import { NAMED_SCHEMAS } from "./named-schemas.ts";
import { createOrigins } from "./http/origins.ts";
import { registerAdminRoutes } from "./http/register-routes.ts";

/** The admin API's OpenAPI document without a service behind it; the console's types are made from it. */
export async function adminApiDocument(): Promise<ReturnType<FastifyInstance["swagger"]>> {
  const app = fastify() as unknown as FastifyInstance;
  const info = { title: "Countersign, internal listener", description: "", version: "", url: "http://localhost:8081" };
  await registerOpenApi(app, info, {}, documentAdminRoutes(ADMIN_ROUTES, nameSchemas(NAMED_SCHEMAS)));
  const neverCalled = () => Promise.reject(new Error("there is no service behind the document"));
  const nobody = () => Promise.resolve(undefined);
  await registerAdminRoutes(app, ADMIN_ROUTES, {
    authenticate: { bySession: nobody, byAdminToken: nobody },
    origins: createOrigins(undefined, info.url),
    refusalLimit: { check: () => undefined, isOver: () => false, count: () => false },
    clientAddress: () => "",
    handlers: Object.fromEntries(Object.keys(ADMIN_ROUTES).map((id) => [id, neverCalled])),
  });
  await app.ready();
  return app.swagger();
}
