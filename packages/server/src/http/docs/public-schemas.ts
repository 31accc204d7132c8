/** The schemas of the public listener's endpoints. */
import { OVERLAP_SECONDS_DEFAULT, OVERLAP_SECONDS_MAX } from "@countersign/protocol";
import { TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, TTL_SECONDS_MIN } from "@countersign/protocol";
import { NewKey, PublicKey } from "../admin/keys/schemas.ts";
import { OAUTH_ERRORS } from "../public/oauth/oauth-answers.ts";
import { sample } from "../admin/http/schema.ts";
import { ErrorItem, Meta, object, Refusal, text, WarningItem } from "./envelope-schemas.ts";

const count = { type: "integer", minimum: 0 } as const;

export const ttl = {
  type: "integer",
  minimum: TTL_SECONDS_MIN,
  maximum: TTL_SECONDS_MAX,
  default: TTL_SECONDS_DEFAULT,
} as const;

/** What the exchange returns. */
export const Token = object({
  issued_at: {
    type: "number",
    description: "Seconds since the epoch, with microseconds",
    examples: [1481650253.342885],
  },
  token: { type: "string", description: "Opaque", examples: ["1.…"] },
  expires_in: { type: "integer", description: "The requested ttl, in seconds", examples: [3600] },
  expires_at: { type: "number", description: "issued_at + expires_in", examples: [1481653853.342885] },
});

/** A nonce for a proof of possession. */
export const KeyChallenge = object({
  nonce: { type: "string", description: "For one proof of possession", examples: ["…"] },
  expires_at: {
    type: "number",
    description: "Seconds since the epoch; at this instant the nonce has expired",
    examples: [1481650853.342],
  },
});

/** The next key of a client, as it sends it. */
export const KeyRotation = {
  ...object(
    {
      public_key: {
        ...NewKey.properties.public_key,
        description: "The new key: PEM, certificate, JWK or OpenSSH line",
      },
      proof: { type: "string", description: "The new key's proof of possession, a JWS", examples: ["eyJ…"] },
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
  ),
  additionalProperties: false,
};

/** A key that was rotated in: the admin API's key, and the one before it. */
export const RotatedKey = object({
  ...PublicKey.properties,
  previous: object({ id: count, expires_at: { type: ["string", "null"], format: "date-time" } }),
});

export const KeyRevocation = {
  ...object({
    revocation: {
      type: "string",
      description: 'A JWS whose header has typ "key-revocation+jwt", alg and jwk, the public key',
      examples: ["eyJ…"],
    },
  }),
  additionalProperties: false,
};

/** How an OAuth client authenticates (RFC 7523 §2.2). */
const CLIENT_ASSERTION = {
  client_assertion_type: { const: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" },
  client_assertion: {
    type: "string",
    description: "A JWT signed with RS256, RS384 or RS512, with the claims iss, sub, aud, exp and jti",
    examples: ["eyJ…"],
  },
  client_id: { type: "string", description: "Optional; if present, it must equal the assertion's sub" },
} as const;

export const TokenRequest = object({ grant_type: { const: "client_credentials" }, ...CLIENT_ASSERTION, ttl }, [
  "client_id",
  "ttl",
]);

/** The answer of the token endpoint (RFC 6749 §5.1). */
export const TokenResponse = object({
  access_token: {
    type: "string",
    examples: ["1.…"],
    description: "Opaque; the same kind of token that the exchange issues",
  },
  token_type: { const: "Bearer" },
  expires_in: { type: "integer", description: "Seconds", examples: [3600] },
});

export const RevocationRequest = object({ token: sample(text, "1.…"), token_type_hint: text, ...CLIENT_ASSERTION }, [
  "client_id",
  "token_type_hint",
]);

export const IntrospectionRequest = object(
  {
    token: sample(text, "1.…"),
    token_type_hint: text,
    client_id: { type: "string", description: "With client_secret, instead of HTTP Basic" },
    client_secret: text,
  },
  ["token_type_hint", "client_id", "client_secret"],
);

export const ActiveToken = object({
  active: { const: true },
  token_type: { const: "Bearer" },
  client_id: sample(text, "api-1-shop"),
  username: sample(text, "api-1-shop"),
  sub: sample(text, "api-1-shop"),
  iss: { type: "string", format: "uri", examples: ["https://auth.example.com"] },
  exp: {
    type: "integer",
    description: "Seconds since the epoch; the token is invalid at equality",
    examples: [1481653854],
  },
  jti: { type: "string", description: "Identifies the token, also on the change feed; not secret", examples: ["…"] },
  account: sample(text, "acme"),
  access: { enum: ["full", "read_only"] },
  user_id: count,
  key_id: count,
});

export const InactiveToken = { ...object({ active: { const: false } }), additionalProperties: false };

/** The answer of introspection (RFC 7662 §2.2). */
export const Introspection = { oneOf: [ActiveToken, InactiveToken] };

/** A refusal of an OAuth endpoint (RFC 6749 §5.2). */
export const OAuthError = object({
  error: { enum: [...new Set(Object.values(OAUTH_ERRORS))] },
  error_description: text,
  error_uri: { type: "string", format: "uri-reference", description: "Leads to the refusal's own code" },
});

/** By the names in `components.schemas`, which generated clients show: a name that was published isn't changed. */
export const PUBLIC_SCHEMAS: Readonly<Record<string, object>> = {
  ErrorItem,
  WarningItem,
  Meta,
  Refusal,
  Token,
  KeyChallenge,
  KeyRotation,
  RotatedKey,
  KeyRevocation,
  TokenRequest,
  TokenResponse,
  RevocationRequest,
  IntrospectionRequest,
  Introspection,
  ActiveToken,
  InactiveToken,
  OAuthError,
};
