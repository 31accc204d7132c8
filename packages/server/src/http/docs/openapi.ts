import {
  ADMIN_REFUSAL_CODES,
  CHANGES_PATH,
  CHECK_PATH,
  FEED_POSITION_HEADER,
  INTROSPECTION_PATH,
  KEY_CHALLENGES_PATH,
  KEYS_PATH,
  OAUTH_TOKEN_PATH,
  OVERLAP_SECONDS_DEFAULT,
  OVERLAP_SECONDS_MAX,
  REFRESH_PATH,
  REFUSAL_CODES,
  type RefusalCode,
  REVOCATION_PATH,
  REVOKE_KEY_PATH,
  TTL_SECONDS_DEFAULT,
  TTL_SECONDS_MAX,
  TTL_SECONDS_MIN,
  WARNING_CODES,
  WEAKNESSES,
} from "@countersign/protocol";
import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { ANSWERS } from "../server/answers.ts";
import { finishDocument } from "./finish-document.ts";
import { OAUTH_ERRORS } from "../public/oauth/oauth-answers.ts";

/** A JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it). */
type Schema = Readonly<Record<string, unknown>>;

const text = { type: "string" } as const;

/** The schema of an object whose members are all required except the `optional` ones. */
function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: "object", properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) };
}

const ErrorItem = object(
  {
    code: { enum: REFUSAL_CODES },
    message: text,
    hint: text,
    field: { type: "string", description: "The member or parameter, as a JSON pointer" },
    weakness: { enum: WEAKNESSES, description: "What is weak about the key, for key_weak" },
    docs: { type: "string", format: "uri-reference" },
  },
  ["hint", "field", "weakness"],
);

export const WarningItem = object({ code: { enum: WARNING_CODES }, message: text });

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

/** The answer to a refused request. */
export const RefusalEnvelope = envelope(object({}));

/** The answer of the exchange. */
export const GrantEnvelope = envelope(
  object({
    issued_at: { type: "number", description: "Seconds since the epoch, with microseconds" },
    token: { type: "string", description: "Opaque" },
    expires_in: { type: "integer", description: "The requested ttl, in seconds" },
    expires_at: { type: "number", description: "issued_at + expires_in" },
  }),
);

/** The answer of the endpoint that hands out nonces. */
export const KeyChallengeEnvelope = envelope(
  object({
    nonce: { type: "string", description: "For one proof of possession" },
    expires_at: { type: "number", description: "Seconds since the epoch; at this instant the nonce has expired" },
  }),
);

/** The answer of the token endpoint (RFC 6749 §5.1). */
export const TokenResponse = object({
  access_token: { type: "string", description: "Opaque; the same kind of token that the exchange issues" },
  token_type: { const: "Bearer" },
  expires_in: { type: "integer", description: "Seconds" },
});

/** The answer of introspection (RFC 7662 §2.2). */
export const IntrospectionResponse = {
  oneOf: [
    object({
      active: { const: true },
      token_type: { const: "Bearer" },
      client_id: text,
      username: text,
      sub: text,
      iss: { type: "string", format: "uri" },
      exp: { type: "integer", description: "Seconds since the epoch; the token is invalid at equality" },
      jti: { type: "string", description: "Identifies the token, also on the change feed; not secret" },
      account: text,
      access: { enum: ["full", "read_only"] },
      user_id: { type: "integer" },
      key_id: { type: "integer" },
    }),
    { ...object({ active: { const: false } }), additionalProperties: false },
  ],
} as const;

/** A refusal of an OAuth endpoint (RFC 6749 §5.2). */
export const OAuthError = object({
  error: { enum: [...new Set(Object.values(OAUTH_ERRORS))] },
  error_description: text,
  error_uri: { type: "string", format: "uri-reference", description: "Leads to the refusal's own code" },
});

/**
 * Adds the OpenAPI 3.1 document of an application's routes and of the plain endpoints in `paths`.
 *
 * @param document completes a route's schema when the document is generated
 * @param complete completes the document
 */
export async function registerOpenApi(
  app: FastifyInstance,
  info: { readonly title: string; readonly description: string; readonly version: string; readonly url: string },
  paths: Readonly<Record<string, object>> = {},
  document: (schema: FastifySchema | undefined) => FastifySchema = (schema) => schema ?? {},
  complete: <D extends object>(document: D) => D = (whole) => whole,
): Promise<void> {
  const { title, description, version, url } = info;
  await app.register(swagger, {
    transform: ({ schema, url }) => ({ schema: document(schema), url }),
    transformObject: (made) =>
      finishDocument(complete("openapiObject" in made ? made.openapiObject : made.swaggerObject)),
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, at) =>
        typeof schema["$id"] === "string" ? schema["$id"] : `schema-${at}`,
    },
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

/** Documents the plain endpoints. The limits are those that their parsers enforce. */
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
        ...refusalResponses([400, 401, 403, 405, 429, 431, 500, 503], CHECK_ONLY),
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
        200: { description: "The token is active", headers: callerHeaders() },
        ...refusalResponses([401, 403, 503], ASSERTION_ONLY),
      },
    },
  };
  const changes = {
    get: {
      tags: ["resource servers"],
      operationId: "changes",
      summary: "The change feed, for verifiers: Server-Sent Events named sync, change and reset",
      security: [{ resourceServer: [] }],
      parameters: [
        {
          in: "header",
          name: "Last-Event-ID",
          required: false,
          description: "Resume after this event: its whole id",
          schema: { type: "string", pattern: "^[0-9]{1,15}(-[0-9a-f]{16})?$" },
        },
      ],
      responses: {
        200: {
          description:
            "An endless stream. Each event's data is a JSON object whose member `previous` is the id of the previous event",
          content: { "text/event-stream": { schema: text } },
        },
        ...refusalResponses([405, 429, 503]),
        401: jsonResponse("client_rejected", RefusalEnvelope),
      },
    },
  };
  const keyChallenges = {
    post: {
      tags: ["keys"],
      operationId: "createKeyChallenge",
      summary: "Get a nonce for a proof that a new key's sender holds its private key; needs no authentication",
      security: [],
      responses: {
        200: jsonResponse("A nonce", KeyChallengeEnvelope),
        ...refusalResponses([405, 429, 500]),
      },
    },
  };
  return {
    [KEY_CHALLENGES_PATH]: keyChallenges,
    [REFRESH_PATH]: exchange,
    [CHECK_PATH]: check,
    [CHANGES_PATH]: changes,
    [KEYS_PATH]: rotateKeyPath(),
    [REVOKE_KEY_PATH]: revokeKeyPath(),
    [OAUTH_TOKEN_PATH]: formEndpoint({
      operationId: "token",
      tag: "oauth",
      summary: "OAuth 2 token endpoint: client_credentials with private_key_jwt (RFC 6749 §4.4, RFC 7523)",
      form: object(
        {
          grant_type: { const: "client_credentials" },
          ...CLIENT_ASSERTION,
          ttl: { type: "integer", minimum: TTL_SECONDS_MIN, maximum: TTL_SECONDS_MAX, default: TTL_SECONDS_DEFAULT },
        },
        ["client_id", "ttl"],
      ),
      success: jsonResponse("A new token", TokenResponse),
      denied: OUTSIDE_NETWORKS,
    }),
    [REVOCATION_PATH]: formEndpoint({
      operationId: "revoke",
      tag: "oauth",
      summary: "Revoke one of the client's own tokens (RFC 7009)",
      form: object({ token: text, token_type_hint: text, ...CLIENT_ASSERTION }, ["client_id", "token_type_hint"]),
      success: { description: "The token is inactive" },
      denied: OUTSIDE_NETWORKS,
    }),
    [INTROSPECTION_PATH]: formEndpoint({
      operationId: "introspect",
      tag: "resource servers",
      summary: "Find out which API user a token belongs to (RFC 7662)",
      security: [{ resourceServer: [] }],
      form: object({ token: text, token_type_hint: text, client_id: text, client_secret: text }, [
        "token_type_hint",
        "client_id",
        "client_secret",
      ]),
      success: {
        ...jsonResponse("The token's API user, or that the token is inactive", IntrospectionResponse),
        headers: {
          [FEED_POSITION_HEADER]: {
            description: "The position of the change feed that the answer reflects at least",
            schema: { type: "integer" },
          },
        },
      },
    }),
  };
}

function rotateKeyPath() {
  const key = object(
    {
      public_key: { type: "string", description: "The new key: PEM, certificate, JWK or OpenSSH line" },
      proof: { type: "string", description: "The new key's proof of possession, a JWS" },
      label: { type: "string", description: "Default: that of the old key" },
      overlap_seconds: {
        type: "integer",
        minimum: 0,
        maximum: OVERLAP_SECONDS_MAX,
        default: OVERLAP_SECONDS_DEFAULT,
        description: "How long the old key goes on working",
      },
    },
    ["label", "overlap_seconds"],
  );
  const previous = object({ id: { type: "integer" }, expires_at: { type: ["string", "null"], format: "date-time" } });
  return {
    post: {
      tags: ["keys"],
      operationId: "rotateKey",
      summary: "Rotate a key: add the next one. The assertion's aud must be this endpoint's URL",
      security: [{ assertion: [] }],
      requestBody: jsonBody(key),
      responses: {
        201: jsonResponse(
          "The new key, in the form of the admin API, and the old key's expiry",
          envelope(object({ id: { type: "integer" }, rotated_from: { type: "integer" }, previous })),
        ),
        400: jsonResponse("bad_request", RefusalEnvelope),
        401: jsonResponse("the codes of the exchange, and assertion_replayed", RefusalEnvelope),
        403: jsonResponse("the codes of the exchange, and rotation_not_allowed", RefusalEnvelope),
        405: jsonResponse("method_not_allowed", RefusalEnvelope),
        409: jsonResponse("conflict", RefusalEnvelope),
        413: jsonResponse("body_too_large", RefusalEnvelope),
        415: jsonResponse("media_type_unsupported", RefusalEnvelope),
        422: jsonResponse(
          "key_rejected, key_weak, private_key_exposed, key_proof_invalid, field_invalid",
          RefusalEnvelope,
        ),
        429: jsonResponse("rate_limited", RefusalEnvelope),
        503: jsonResponse("unavailable", RefusalEnvelope),
      },
    },
  };
}

function revokeKeyPath() {
  return {
    post: {
      tags: ["keys"],
      operationId: "revokeKey",
      summary: "Revoke a key permanently, by a statement that the key itself signed",
      security: [],
      requestBody: jsonBody(
        object({
          revocation: {
            type: "string",
            description: 'A JWS whose header has typ "key-revocation+jwt", alg and jwk, the public key',
          },
        }),
      ),
      responses: {
        200: jsonResponse("The key is revoked; the same whether or not it was registered", envelope(object({}))),
        400: jsonResponse("bad_request", RefusalEnvelope),
        405: jsonResponse("method_not_allowed", RefusalEnvelope),
        413: jsonResponse("body_too_large", RefusalEnvelope),
        415: jsonResponse("media_type_unsupported", RefusalEnvelope),
        422: jsonResponse("revocation_rejected, private_key_exposed, field_invalid", RefusalEnvelope),
        429: jsonResponse("rate_limited", RefusalEnvelope),
        503: jsonResponse("unavailable", RefusalEnvelope),
      },
    },
  };
}

function jsonBody(schema: Schema) {
  return { required: true, content: { "application/json": { schema: { ...schema, additionalProperties: false } } } };
}

/** How an OAuth client authenticates (RFC 7523 §2.2). */
const CLIENT_ASSERTION = {
  client_assertion_type: { const: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" },
  client_assertion: {
    type: "string",
    description: "A JWT signed with RS256, RS384 or RS512, with the claims iss, sub, aud, exp and jti",
  },
  client_id: { type: "string", description: "Optional; if present, it must equal the assertion's sub" },
} as const;

const OUTSIDE_NETWORKS = "access_denied: the client is limited to networks, and isn't in one of them";

function formEndpoint(endpoint: {
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly security?: readonly object[];
  readonly form: Schema;
  readonly success: object;
  /** What a 403 says, if the endpoint answers one. */
  readonly denied?: string;
}) {
  const { operationId, tag, summary, security = [], form, success, denied } = endpoint;
  const refusal = (description: string) => jsonResponse(description, OAuthError);
  return {
    post: {
      tags: [tag],
      operationId,
      summary,
      security,
      requestBody: { required: true, content: { "application/x-www-form-urlencoded": { schema: form } } },
      responses: {
        200: success,
        400: refusal("invalid_request, unsupported_grant_type or invalid_scope"),
        401: refusal("invalid_client"),
        ...(denied !== undefined && { 403: refusal(denied) }),
        405: refusal("invalid_request: the method isn't POST"),
        413: refusal("invalid_request: the form is too large"),
        429: refusal("temporarily_unavailable: too many refusals"),
        500: refusal("server_error"),
        503: refusal("temporarily_unavailable"),
      },
    },
  };
}

function callerHeaders(): Record<string, object> {
  const names = ["Username", "User-Id", "Account", "Access", "Key-Id", "Expires-At"];
  return Object.fromEntries(names.map((name) => [`X-Auth-${name}`, { schema: text }]));
}

function jsonResponse(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

/** Codes about a token, which only the check answers. */
const CHECK_ONLY: readonly RefusalCode[] = [
  "token_inactive",
  "token_revoked",
  "access_read_only",
  "certificate_required",
];

/** Codes about an assertion, which the check never answers. */
const ASSERTION_ONLY = REFUSAL_CODES.filter((code) => code.startsWith("assertion_"));

/** Codes that the exchange and the check never answer. */
const OAUTH_ONLY: readonly RefusalCode[] = [
  "assertion_replayed",
  "grant_type_unsupported",
  "scope_unsupported",
  "client_rejected",
  "token_foreign",
];

/** Codes that only the endpoints answer that clients manage their keys by. */
const KEYS_ONLY: readonly RefusalCode[] = ["revocation_rejected", "rotation_not_allowed"];

/** @param except codes that the endpoint never answers, besides those of the OAuth endpoints and the admin API */
function refusalResponses(statuses: readonly number[], except: readonly RefusalCode[] = []): Record<number, object> {
  return Object.fromEntries(
    statuses.map((status) => {
      const others: readonly RefusalCode[] = [...OAUTH_ONLY, ...KEYS_ONLY, ...ADMIN_REFUSAL_CODES, ...except];
      const codes = REFUSAL_CODES.filter((code) => ANSWERS[code].status === status && !others.includes(code));
      return [status, jsonResponse(codes.join(", "), RefusalEnvelope)];
    }),
  );
}
