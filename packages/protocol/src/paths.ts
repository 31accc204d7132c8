/** The exchange: an assertion in, a token out. Served with and without the trailing slash. */
export const REFRESH_PATH = "/api/auth/v0/refresh/";

/** The token check for gateways (forward-auth). Any suffix is accepted. */
export const CHECK_PATH = "/api/auth/v0/check/";

/** Where every refusal code is explained; `#<code>` leads to one of them. */
export const ERRORS_PATH = "/docs/errors";

/** The OpenAPI 3.1 document of the listener that serves it. */
export const OPENAPI_PATH = "/openapi.json";

/** Is the process alive? Never asks the store. */
export const LIVENESS_PATH = "/livez";

/** Can the process serve? Asks the store. */
export const READINESS_PATH = "/readyz";

/** Prometheus metrics; on the internal listener only. */
export const METRICS_PATH = "/metrics";
