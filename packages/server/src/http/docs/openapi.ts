import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { finishDocument } from "./finish-document.ts";
import { referToNamedSchemas } from "./schema-names.ts";

/**
 * Adds the OpenAPI 3.1 document of an application's routes and of the plain endpoints in `paths`.
 *
 * @param document completes a route's schema when the document is generated
 */
export async function registerOpenApi(
  app: FastifyInstance,
  info: { readonly title: string; readonly description: string; readonly version: string; readonly url: string },
  paths: Readonly<Record<string, object>> = {},
  document: (schema: FastifySchema | undefined) => FastifySchema = (schema) => schema ?? {},
): Promise<void> {
  const { title, description, version, url } = info;
  await app.register(swagger, {
    transform: ({ schema, url }) => ({ schema: document(schema), url }),
    transformObject: (made) =>
      referToNamedSchemas(finishDocument("openapiObject" in made ? made.openapiObject : made.swaggerObject)),
    openapi: {
      openapi: "3.1.0",
      info: { title, description, version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
      servers: [{ url }],
      paths: structuredClone(paths),
      components: {
        securitySchemes: {
          assertion: {
            type: "apiKey",
            in: "header",
            name: "Authorization",
            description: "JWT <assertion>: a JWT signed with RS256, RS384 or RS512, with the claims username and iat",
          },
          token: { type: "apiKey", in: "header", name: "Authorization", description: "Token <token>" },
          session: {
            type: "apiKey",
            in: "cookie",
            name: "countersign_session_8081",
            description:
              "An operator's session. The name ends with the console's port, and begins with __Host- over TLS. Changes also need the console's Origin",
          },
          adminToken: { type: "http", scheme: "bearer", description: "An admin token: csat_…" },
          resourceServer: {
            type: "http",
            scheme: "basic",
            description: "client_id and client_secret of a resource server; introspection also takes them in the form",
          },
        },
      },
    },
  });
}
