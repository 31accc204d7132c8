import { ERRORS_PATH, type Envelope, REALM, type RefusalCode } from "@countersign/protocol";
import type { RevocationReason } from "./caller.ts";
import type { TokenScheme } from "./parse-authorization.ts";

/** Why this API refuses a request; from the service's own list of codes. */
export type ApiRefusalCode = Extract<
  RefusalCode,
  | "authorization_missing"
  | "authorization_scheme"
  | "bad_request"
  | "token_inactive"
  | RevocationReason
  | "access_read_only"
  | "unavailable"
>;

/** A whole answer, for whatever framework sends it. No token and no secret is in it. */
export interface RefusalAnswer {
  readonly code: ApiRefusalCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, in the envelope of the service's own answers. */
  readonly body: string;
}

interface Form {
  readonly status: number;
  readonly message: string;
  readonly hint: string;
  /** What RFC 6750 §3.1 calls it; absent where there is no challenge, or no error in it. */
  readonly bearerError?: string;
}

/** The one table from refusals to answers. */
const FORMS = {
  authorization_missing: {
    status: 401,
    message: "The request has no Authorization header.",
    hint: 'Send "Authorization: Token …". If the client did, a proxy on the way may have removed it.',
  },
  authorization_scheme: {
    status: 401,
    message: "The Authorization header's scheme isn't Token or Bearer.",
    hint: 'Send "Authorization: Token …": the word Token, a space, and the token.',
  },
  bad_request: {
    status: 400,
    message: "The request has more than one credential in Authorization.",
    hint: "Send one Authorization header with one token.",
    bearerError: "invalid_request",
  },
  token_inactive: {
    status: 401,
    message: "The token isn't valid, or not any more.",
    hint: "Exchange a new assertion for a new token.",
    bearerError: "invalid_token",
  },
  key_deactivated: {
    status: 403,
    message: "The key behind this token is deactivated.",
    hint: "Ask the administrator of the token service to activate it, or to add a new key.",
  },
  user_deactivated: {
    status: 403,
    message: "The API user is deactivated.",
    hint: "Ask the administrator of the token service to activate it.",
  },
  account_deactivated: {
    status: 403,
    message: "The API user's account is deactivated.",
    hint: "Ask the administrator of the token service to activate it.",
  },
  token_revoked: {
    status: 403,
    message: "This token was revoked.",
    hint: "Its key still works: exchange a new assertion for a new token.",
  },
  access_read_only: {
    status: 403,
    message: "This API user may read only: GET, HEAD and OPTIONS.",
    hint: "Use an API user with full access for this request.",
    bearerError: "insufficient_scope",
  },
  unavailable: {
    status: 503,
    message: "Whether the token is valid can't be told right now.",
    hint: "Try again in a moment.",
  },
} as const satisfies Record<ApiRefusalCode, Form>;

/**
 * The answer to a refused request. A 401 carries a challenge (RFC 9110 §11.6.1) in the scheme that the client used; one for
 * `Bearer` says what RFC 6750 §3 wants, a 403's included.
 */
export function refusalAnswer(
  code: ApiRefusalCode,
  publicUrl: string,
  scheme: TokenScheme,
  retryAfterSeconds?: number,
): RefusalAnswer {
  const { status, message, hint, bearerError }: Form = FORMS[code];
  const envelope: Envelope<Record<string, never>> = {
    meta: {
      code: status,
      errors: [{ code, message, hint, docs: `${publicUrl}${ERRORS_PATH}#${code}` }],
      warnings: [],
    },
    data: {},
  };
  const headers: Record<string, string> = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  };
  if (scheme === "Bearer" && bearerError !== undefined) {
    headers["www-authenticate"] = `Bearer realm="${REALM}", error="${bearerError}", error_description="${message}"`;
  } else if (status === 401) {
    headers["www-authenticate"] = `Token realm="${REALM}", error="${code}"`;
  }
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  return { code, status, headers, body: JSON.stringify(envelope) };
}
