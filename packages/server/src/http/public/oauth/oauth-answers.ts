import { ERRORS_PATH, type RefusalCode } from "@countersign/protocol";
import type { Refusal } from "../../../core/refusal.ts";
import {
  ANSWERS,
  type AnswerContext,
  jsonHeaders,
  REALM_CHALLENGES,
  refusalHeaders,
  type WrittenAnswer,
} from "../../server/answers.ts";

/** OAuth's error codes (RFC 6749 §5.2; the last three are from §4.1.2.1). */
type OAuthError =
  | "invalid_request"
  | "invalid_client"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "access_denied"
  | "temporarily_unavailable"
  | "server_error";

/** Maps every refusal code to OAuth's error. `invalid_client` has the status 401, all others the status of {@link ANSWERS}. */
export const OAUTH_ERRORS = {
  authorization_missing: "invalid_client",
  authorization_scheme: "invalid_client",
  assertion_malformed: "invalid_client",
  assertion_algorithm: "invalid_client",
  assertion_header: "invalid_client",
  assertion_claims: "invalid_client",
  assertion_stale: "invalid_client",
  assertion_early: "invalid_client",
  assertion_expired: "invalid_client",
  assertion_audience: "invalid_client",
  assertion_rejected: "invalid_client",
  assertion_replayed: "invalid_client",
  client_rejected: "invalid_client",
  key_deactivated: "invalid_client",
  key_expired: "invalid_client",
  user_deactivated: "invalid_client",
  account_deactivated: "invalid_client",
  // The client has authenticated; it is denied from where it is.
  source_not_allowed: "access_denied",
  ttl_invalid: "invalid_request",
  grant_type_unsupported: "unsupported_grant_type",
  scope_unsupported: "invalid_scope",
  token_foreign: "invalid_request",
  token_inactive: "invalid_request",
  token_revoked: "invalid_request",
  access_read_only: "invalid_request",
  certificate_required: "access_denied",
  // Codes about keys and of the admin API, which no OAuth endpoint answers.
  key_proof_required: "server_error",
  key_proof_invalid: "server_error",
  revocation_rejected: "server_error",
  rotation_not_allowed: "server_error",
  sign_in_required: "server_error",
  sign_in_rejected: "server_error",
  fresh_sign_in_required: "server_error",
  forbidden: "server_error",
  origin_refused: "server_error",
  host_refused: "server_error",
  link_invalid: "server_error",
  single_sign_on_failed: "server_error",
  field_invalid: "server_error",
  key_rejected: "server_error",
  key_weak: "server_error",
  private_key_exposed: "server_error",
  conflict: "server_error",
  precondition_failed: "server_error",
  idempotency_key_reused: "server_error",
  media_type_unsupported: "server_error",
  bad_request: "invalid_request",
  not_found: "invalid_request",
  method_not_allowed: "invalid_request",
  request_timeout: "invalid_request",
  body_too_large: "invalid_request",
  uri_too_long: "invalid_request",
  headers_too_large: "invalid_request",
  rate_limited: "temporarily_unavailable",
  internal: "server_error",
  unavailable: "temporarily_unavailable",
} as const satisfies Record<RefusalCode, OAuthError>;

/** The status of a refusal by an OAuth endpoint. */
export function oauthStatus(code: RefusalCode): number {
  return OAUTH_ERRORS[code] === "invalid_client" ? 401 : ANSWERS[code].status;
}

/**
 * The answer to a refused request in OAuth's form (RFC 6749 §5.2). `error_uri` leads to the refusal's own code, which is more
 * specific than OAuth's.
 */
export function oauthRefusalAnswer(refusal: Refusal, context: AnswerContext): WrittenAnswer {
  const { code, detail } = refusal;
  const error = OAUTH_ERRORS[code];
  const status = oauthStatus(code);
  const text = detail.hint === undefined ? refusal.message : `${refusal.message} ${detail.hint}`;
  const body = JSON.stringify({
    error,
    error_description: describable(text),
    error_uri: `${context.publicUrl}${ERRORS_PATH}#${code}`,
  });
  const headers = [...jsonHeaders(context.requestId, body), ...refusalHeaders(refusal)];
  // A challenge would mislead a client that authenticated in another way than by this header (RFC 6749 §5.2).
  if (context.challenge === "Basic" && status === 401) headers.push("WWW-Authenticate", REALM_CHALLENGES.Basic);
  return { status, headers, body };
}

/** Reduces a text to the characters that RFC 6749 §5.2 allows: printable ASCII without quotation mark and backslash. */
function describable(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll("…", "...")
    .replaceAll("§", "section ")
    .replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "?");
}
