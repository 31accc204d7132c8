/** Those that the admin API alone gives. */
export const ADMIN_REFUSAL_CODES = [
  "sign_in_required",
  "sign_in_rejected",
  "fresh_sign_in_required",
  "forbidden",
  "origin_refused",
  "host_refused",
  "link_invalid",
  "single_sign_on_failed",
  "field_invalid",
  "key_rejected",
  "private_key_exposed",
  "conflict",
  "precondition_failed",
  "idempotency_key_reused",
  "media_type_unsupported",
] as const;

/** Every reason for which a request is refused. The list is closed: a code is public, stable and documented. */
export const REFUSAL_CODES = [
  "authorization_missing",
  "authorization_scheme",
  "assertion_malformed",
  "assertion_algorithm",
  "assertion_header",
  "assertion_claims",
  "assertion_stale",
  "assertion_early",
  "assertion_expired",
  "assertion_audience",
  "assertion_rejected",
  "key_deactivated",
  "key_expired",
  "user_deactivated",
  "account_deactivated",
  "assertion_replayed",
  "ttl_invalid",
  "key_proof_required",
  "key_proof_invalid",
  "grant_type_unsupported",
  "scope_unsupported",
  "client_rejected",
  "token_foreign",
  "token_inactive",
  "token_revoked",
  "access_read_only",
  ...ADMIN_REFUSAL_CODES,
  "bad_request",
  "not_found",
  "method_not_allowed",
  "request_timeout",
  "body_too_large",
  "uri_too_long",
  "headers_too_large",
  "rate_limited",
  "internal",
  "unavailable",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** Things a client should know although its request was accepted. */
export const WARNING_CODES = [
  "ttl_below_documented_minimum",
  "key_expires_before_token",
  "secret_not_repeated",
  "key_needs_kid",
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];
