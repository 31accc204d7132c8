import {
  CHANGES_PATH,
  CHECK_PATH,
  FEED_POSITION_HEADER,
  INTROSPECTION_PATH,
  KEY_CHALLENGES_PATH,
  KEYS_PATH,
  OAUTH_TOKEN_PATH,
  REFRESH_PATH,
  type RefusalCode,
  REVOCATION_PATH,
  REVOKE_KEY_PATH,
} from "@countersign/protocol";
import { oauthStatus } from "../public/oauth/oauth-answers.ts";
import { ANSWERS } from "../server/answers.ts";
import { envelope, object, Refusal, text } from "./envelope-schemas.ts";
import {
  Introspection,
  IntrospectionRequest,
  KeyChallenge,
  KeyRevocation,
  KeyRotation,
  OAuthError,
  PUBLIC_SCHEMAS,
  RevocationRequest,
  RotatedKey,
  Token,
  TokenRequest,
  TokenResponse,
  ttl,
} from "./public-schemas.ts";
import { refusalExamples } from "./refusal-examples.ts";
import { nameSchemas } from "./schema-names.ts";

/** An operation that a plain endpoint answers. */
export interface PublicOperation {
  readonly path: string;
  readonly method: "get" | "post";
  readonly tag: string;
  readonly summary: string;
  readonly security: readonly object[];
  readonly parameters?: readonly object[];
  /** The schema of a JSON body. */
  readonly body?: object;
  /** The schema of a form. Refusals are then in OAuth's form. */
  readonly form?: object;
  /** The successful answers, by status. */
  readonly answers: Readonly<Record<number, object>>;
  /** Every refusal that the operation can give, besides those of a request that isn't HTTP or doesn't fit its limits. */
  readonly refusals: readonly RefusalCode[];
}

/** Any endpoint that reads the store can give these. */
const FAILURES = ["internal", "unavailable"] as const satisfies readonly RefusalCode[];

/** What is wrong with an assertion itself. */
const ASSERTION = [
  "assertion_malformed",
  "assertion_algorithm",
  "assertion_header",
  "assertion_claims",
  "assertion_stale",
  "assertion_early",
  "assertion_expired",
  "assertion_audience",
  "assertion_rejected",
] as const satisfies readonly RefusalCode[];

const AUTHORIZATION = ["authorization_missing", "authorization_scheme"] as const satisfies readonly RefusalCode[];

/** Why a client that a signature or a token identifies is refused all the same. */
const STANDING = [
  "key_deactivated",
  "key_expired",
  "user_deactivated",
  "account_deactivated",
  "source_not_allowed",
] as const satisfies readonly RefusalCode[];

const JSON_BODY = [
  "bad_request",
  "body_too_large",
  "media_type_unsupported",
  "field_invalid",
] as const satisfies readonly RefusalCode[];

/** An OAuth client authenticates by an assertion that can be used once. */
const OAUTH_CLIENT = [
  "client_rejected",
  ...ASSERTION,
  "assertion_replayed",
  ...STANDING,
  "bad_request",
  "body_too_large",
  "rate_limited",
  ...FAILURES,
] as const satisfies readonly RefusalCode[];

/** By operation ids. Their bodies' limits are those that the endpoints' parsers enforce. */
export const PUBLIC_OPERATIONS = {
  refresh: {
    path: REFRESH_PATH,
    method: "get",
    tag: "exchange",
    summary: "Exchange a signed assertion for a token",
    security: [{ assertion: [] }],
    parameters: [
      {
        in: "query",
        name: "ttl",
        required: false,
        description: "Lifetime of the token in whole seconds",
        schema: ttl,
      },
    ],
    answers: { 200: jsonResponse("A new token", envelope(Token)) },
    refusals: [...AUTHORIZATION, ...ASSERTION, ...STANDING, "ttl_invalid", "rate_limited", ...FAILURES],
  },
  check: {
    path: CHECK_PATH,
    method: "get",
    tag: "check",
    summary: "Check a token, for gateways (forward-auth); any method, any suffix of the path",
    security: [{ token: [] }],
    answers: { 200: { description: "The token is active", headers: callerHeaders() } },
    refusals: [
      ...AUTHORIZATION,
      "token_inactive",
      ...STANDING,
      "token_revoked",
      "access_read_only",
      "certificate_required",
      ...FAILURES,
    ],
  },
  changes: {
    path: CHANGES_PATH,
    method: "get",
    tag: "resource servers",
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
    answers: {
      200: {
        description:
          "An endless stream. Each event's data is a JSON object whose member `previous` is the id of the previous event",
        content: {
          "text/event-stream": {
            schema: text,
            example: 'event: sync\nid: 12-…\ndata: {"previous":null}\n\n',
          },
        },
      },
    },
    refusals: ["client_rejected", "rate_limited", ...FAILURES],
  },
  createKeyChallenge: {
    path: KEY_CHALLENGES_PATH,
    method: "post",
    tag: "keys",
    summary: "Get a nonce for a proof that a new key's sender holds its private key; needs no authentication",
    security: [],
    answers: { 200: jsonResponse("A nonce", envelope(KeyChallenge)) },
    refusals: ["rate_limited", "internal"],
  },
  rotateKey: {
    path: KEYS_PATH,
    method: "post",
    tag: "keys",
    summary: "Rotate a key: add the next one. The assertion's aud must be this endpoint's URL",
    security: [{ assertion: [] }],
    body: KeyRotation,
    answers: {
      201: jsonResponse("The new key, in the form of the admin API, and the old key's expiry", envelope(RotatedKey)),
    },
    refusals: [
      ...AUTHORIZATION,
      ...ASSERTION,
      "assertion_replayed",
      ...STANDING,
      "rotation_not_allowed",
      ...JSON_BODY,
      "key_proof_invalid",
      "key_rejected",
      "key_weak",
      "private_key_exposed",
      "conflict",
      "rate_limited",
      ...FAILURES,
    ],
  },
  revokeKey: {
    path: REVOKE_KEY_PATH,
    method: "post",
    tag: "keys",
    summary: "Revoke a key permanently, by a statement that the key itself signed",
    security: [],
    body: KeyRevocation,
    answers: {
      200: jsonResponse("The key is revoked; the same whether or not it was registered", envelope(object({}))),
    },
    refusals: [...JSON_BODY, "revocation_rejected", "private_key_exposed", "rate_limited", ...FAILURES],
  },
  token: {
    path: OAUTH_TOKEN_PATH,
    method: "post",
    tag: "oauth",
    summary: "OAuth 2 token endpoint: client_credentials with private_key_jwt (RFC 6749 §4.4, RFC 7523)",
    // A client authenticates in the form.
    security: [],
    form: TokenRequest,
    answers: { 200: jsonResponse("A new token", TokenResponse) },
    refusals: [...OAUTH_CLIENT, "grant_type_unsupported", "scope_unsupported", "ttl_invalid"],
  },
  revoke: {
    path: REVOCATION_PATH,
    method: "post",
    tag: "oauth",
    summary: "Revoke one of the client's own tokens (RFC 7009)",
    security: [],
    form: RevocationRequest,
    answers: { 200: { description: "The token is inactive" } },
    refusals: [...OAUTH_CLIENT, "token_foreign"],
  },
  introspect: {
    path: INTROSPECTION_PATH,
    method: "post",
    tag: "resource servers",
    summary: "Find out which API user a token belongs to (RFC 7662)",
    security: [{ resourceServer: [] }],
    form: IntrospectionRequest,
    answers: {
      200: {
        ...jsonResponse("The token's API user, or that the token is inactive", Introspection),
        headers: {
          [FEED_POSITION_HEADER]: {
            description: "The position of the change feed that the answer reflects at least",
            schema: { type: "integer" },
          },
        },
      },
    },
    refusals: ["client_rejected", "bad_request", "body_too_large", "rate_limited", ...FAILURES],
  },
} as const satisfies Readonly<Record<string, PublicOperation>>;

/** The plain endpoints' part of the document. */
export function publicPaths(): Readonly<Record<string, object>> {
  const named = nameSchemas(PUBLIC_SCHEMAS);
  return Object.fromEntries(
    Object.entries(PUBLIC_OPERATIONS).map(([operationId, operation]) => [
      operation.path,
      { [operation.method]: named(describeOperation(operationId, operation)) },
    ]),
  );
}

function describeOperation(operationId: string, operation: PublicOperation): object {
  const { tag, summary, security, parameters, body, form, answers, refusals } = operation;
  const content = { ...(body && { "application/json": body }), ...(form && { [FORM_TYPE]: form }) };
  return {
    tags: [tag],
    operationId,
    summary,
    security,
    ...(parameters && { parameters }),
    ...((body ?? form) && { requestBody: { required: true, content: mapSchemas(content) } }),
    responses: { ...answers, ...refusalResponses(refusals, form !== undefined) },
  };
}

const FORM_TYPE = "application/x-www-form-urlencoded";

function mapSchemas(content: Readonly<Record<string, object>>): object {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}

/** The answers to refused requests by status; the description of each lists its codes. */
function refusalResponses(codes: readonly RefusalCode[], isOAuth: boolean): Readonly<Record<string, object>> {
  const byStatus = Object.groupBy(codes, (code) => (isOAuth ? oauthStatus(code) : ANSWERS[code].status));
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, own = []]) => [
      status,
      {
        description: own.join(", "),
        content: {
          "application/json": { schema: isOAuth ? OAuthError : Refusal, examples: refusalExamples(own, isOAuth) },
        },
      },
    ]),
  );
}

function callerHeaders(): Record<string, object> {
  const names = ["Username", "User-Id", "Account", "Access", "Key-Id", "Expires-At"];
  return Object.fromEntries(names.map((name) => [`X-Auth-${name}`, { schema: text }]));
}

function jsonResponse(description: string, schema: object) {
  return { description, content: { "application/json": { schema } } };
}
