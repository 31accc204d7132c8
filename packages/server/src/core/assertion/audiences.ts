import { KEYS_PATH, OAUTH_TOKEN_PATH, REFRESH_PATH, REVOCATION_PATH } from "@countersign/protocol";
import type { Audiences } from "./check-claims.ts";

/**
 * The audiences of the endpoints that take assertions.
 *
 * The public URL names both the exchange (docs/wire.md, Assertion) and, as the issuer, the OAuth endpoints (RFC 7523 §3).
 * Nevertheless no assertion is valid at both: see `oauth/client-assertion.ts`.
 */
export interface EndpointAudiences {
  readonly exchange: Audiences;
  readonly token: Audiences;
  readonly revocation: Audiences;
  /** An assertion that rotates a key is for that alone. The public URL doesn't name it. */
  readonly rotation: Audiences;
}

/** The audiences for a public URL. @param publicUrl with or without a trailing slash */
export function endpointAudiences(publicUrl: string): EndpointAudiences {
  const base = publicUrl.replace(/\/$/, "");
  const exchange = [base + REFRESH_PATH, base + REFRESH_PATH.slice(0, -1)];
  const token = base + OAUTH_TOKEN_PATH;
  const revocation = base + REVOCATION_PATH;
  const rotation = [base + KEYS_PATH, base + KEYS_PATH.slice(0, -1)] as const;
  return {
    exchange: {
      isRequired: false,
      accepted: new Set([base, `${base}/`, ...exchange]),
      foreign: new Set([token, revocation, ...rotation]),
    },
    token: {
      isRequired: true,
      accepted: new Set([token, base, `${base}/`]),
      foreign: new Set([...exchange, revocation, ...rotation]),
    },
    revocation: {
      isRequired: true,
      accepted: new Set([revocation, token, base, `${base}/`]),
      foreign: new Set([...exchange, ...rotation]),
    },
    rotation: {
      isRequired: true,
      accepted: new Set([rotation[0]]),
      foreign: new Set([base, `${base}/`, ...exchange, token, revocation]),
    },
  };
}
