/** The exchange of an assertion for a token. Served with and without the trailing slash. */
export const REFRESH_PATH = "/api/auth/v0/refresh/";

/** The token check for gateways (forward-auth). Any suffix is accepted. */
export const CHECK_PATH = "/api/auth/v0/check/";

/** The change feed for verifiers, as Server-Sent Events. Served with and without the trailing slash. */
export const CHANGES_PATH = "/api/auth/v0/changes/";

/** Hands out a nonce for a proof of possession. Served with and without the trailing slash. */
export const KEY_CHALLENGES_PATH = "/api/auth/v0/key-challenges/";

/** The rotation of a key by its holder. Served with and without the trailing slash. */
export const KEYS_PATH = "/api/auth/v0/keys/";

/** The revocation of a key by a statement that the key itself signs. Served with and without the trailing slash. */
export const REVOKE_KEY_PATH = "/api/auth/v0/revoke-key/";

/** Token introspection (RFC 7662). */
export const INTROSPECTION_PATH = "/oauth2/introspect";

/** The OAuth 2 token endpoint (RFC 6749 §3.2). */
export const OAUTH_TOKEN_PATH = "/oauth2/token";

/** Token revocation (RFC 7009). */
export const REVOCATION_PATH = "/oauth2/revoke";

/** Authorization server metadata (RFC 8414 §3). */
export const OAUTH_METADATA_PATH = "/.well-known/oauth-authorization-server";

/** The page that explains every refusal code; `#<code>` links to one of them. */
export const ERRORS_PATH = "/docs/errors";

/** The OpenAPI 3.1 document of the listener that serves it. */
export const OPENAPI_PATH = "/openapi.json";

/** Is the process alive? Never asks the store. */
export const LIVENESS_PATH = "/livez";

/** Can the process serve? Asks the store. */
export const READINESS_PATH = "/readyz";

/** Prometheus metrics; on the internal listener only. */
export const METRICS_PATH = "/metrics";
