import {
  CHECK_PATH,
  REFRESH_PATH,
  REFUSAL_CODES,
  TTL_SECONDS_DEFAULT,
  TTL_SECONDS_MAX,
  TTL_SECONDS_MIN,
  WARNING_CODES,
} from "@countersign/protocol";
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { ANSWERS } from "./answers.ts";

/** A JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it). */
type Schema = Readonly<Record<string, unknown>>;

const text = { type: "string" } as const;

/** An object whose members are all required but for the `optional` ones. */
function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: "object", properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) };
}

const ErrorItem = object(
  { code: { enum: REFUSAL_CODES }, message: text, hint: text, docs: { type: "string", format: "uri-reference" } },
  ["hint"],
);

const WarningItem = object({ code: { enum: WARNING_CODES }, message: text });

/** The envelope around `data`. */
function envelope(data: Schema): Schema {
  return object({
    meta: object({
      code: { type: "integer", description: "Equals the HTTP status" },
      errors: { type: "array", items: ErrorItem },
      warnings: { type: "array", items: WarningItem },
    }),
    data,
  });
}

/** A refusal, as every route answers it. */
export const RefusalEnvelope = envelope(object({}));

/** What the exchange answers. */
export const GrantEnvelope = envelope(
  object({
    issued_at: { type: "number", description: "Seconds since the epoch, with microseconds" },
    token: { type: "string", description: "Opaque" },
    expires_in: { type: "integer", description: "The ttl that was asked for, in seconds" },
    expires_at: { type: "number", description: "issued_at + expires_in" },
  }),
);

/** Adds the OpenAPI 3.1 document of an application's routes, and of those that are served beside it. */
export async function registerOpenApi(
  app: FastifyInstance,
  info: { readonly title: string; readonly description: string; readonly version: string; readonly url: string },
  paths: Readonly<Record<string, object>> = {},
): Promise<void> {
  const { title, description, version, url } = info;
  await app.register(swagger, {
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
        },
      },
    },
  });
}

/** The two endpoints that are served beside Fastify. The limits are those that their parsers enforce. */
export function plainEndpointPaths(): Readonly<Record<string, object>> {
  const exchange = {
    get: {
      tags: ["exchange"],
      operationId: "refresh",
      summary: "Exchange a signed assertion for a token",
      security: [{ assertion: [] }],
      parameters: [
        {
          in: "query",
          name: "ttl",
          required: false,
          description: "Lifetime of the token in whole seconds",
          schema: {
            type: "integer",
            minimum: TTL_SECONDS_MIN,
            maximum: TTL_SECONDS_MAX,
            default: TTL_SECONDS_DEFAULT,
          },
        },
      ],
      responses: {
        200: jsonResponse("A new token", GrantEnvelope),
        ...refusalResponses([400, 401, 403, 405, 429, 431, 500, 503]),
      },
    },
  };
  const check = {
    get: {
      tags: ["check"],
      operationId: "check",
      summary: "Check a token, for gateways (forward-auth); any method, any suffix of the path",
      security: [{ token: [] }],
      responses: {
        200: { description: "The token is good", headers: callerHeaders() },
        ...refusalResponses([401, 403, 503]),
      },
    },
  };
  return { [REFRESH_PATH]: exchange, [CHECK_PATH]: check };
}

function callerHeaders(): Record<string, object> {
  const names = ["Username", "User-Id", "Account", "Access", "Key-Id", "Expires-At"];
  return Object.fromEntries(names.map((name) => [`X-Auth-${name}`, { schema: text }]));
}

function jsonResponse(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

function refusalResponses(statuses: readonly number[]): Record<number, object> {
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = REFUSAL_CODES.filter((code) => ANSWERS[code].status === status);
      return [status, jsonResponse(codes.join(", "), RefusalEnvelope)];
    }),
  );
}
