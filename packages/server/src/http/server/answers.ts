/**
 * HTTP: turns requests into calls of the core, and results into answers. No rule of the exchange or the check is decided here, and
 * no file here accesses the store.
 */
import type { ServerResponse } from "node:http";
import { ERRORS_PATH, type Envelope, REALM, type RefusalCode } from "@countersign/protocol";
import { PartialFailure, Refusal } from "../../core/refusal.ts";

/** The status of a refusal and, for a 401, the scheme of its challenge (RFC 9110 §11.6.1). */
interface Answer {
  readonly status: number;
  readonly challenge?: "JWT" | "Token" | "Basic" | "Bearer";
}

/** Maps every refusal code to its status. No other code decides on a status. */
export const ANSWERS = {
  authorization_missing: { status: 401, challenge: "JWT" },
  authorization_scheme: { status: 401, challenge: "JWT" },
  assertion_malformed: { status: 401, challenge: "JWT" },
  assertion_algorithm: { status: 401, challenge: "JWT" },
  assertion_header: { status: 401, challenge: "JWT" },
  assertion_claims: { status: 401, challenge: "JWT" },
  assertion_stale: { status: 401, challenge: "JWT" },
  assertion_early: { status: 401, challenge: "JWT" },
  assertion_expired: { status: 401, challenge: "JWT" },
  assertion_audience: { status: 401, challenge: "JWT" },
  assertion_rejected: { status: 401, challenge: "JWT" },
  key_deactivated: { status: 403 },
  key_expired: { status: 403 },
  user_deactivated: { status: 403 },
  account_deactivated: { status: 403 },
  source_not_allowed: { status: 403 },
  assertion_replayed: { status: 401, challenge: "JWT" },
  ttl_invalid: { status: 400 },
  key_proof_required: { status: 422 },
  key_proof_invalid: { status: 422 },
  grant_type_unsupported: { status: 400 },
  scope_unsupported: { status: 400 },
  client_rejected: { status: 401, challenge: "Basic" },
  token_foreign: { status: 400 },
  token_inactive: { status: 401, challenge: "Token" },
  token_revoked: { status: 403 },
  access_read_only: { status: 403 },
  certificate_required: { status: 403 },
  revocation_rejected: { status: 422 },
  rotation_not_allowed: { status: 403 },
  sign_in_required: { status: 401, challenge: "Bearer" },
  // Bearer wouldn't help: a password or passkey is in the body.
  sign_in_rejected: { status: 403 },
  fresh_sign_in_required: { status: 403 },
  forbidden: { status: 403 },
  origin_refused: { status: 403 },
  host_refused: { status: 421 },
  link_invalid: { status: 403 },
  single_sign_on_failed: { status: 403 },
  field_invalid: { status: 422 },
  key_rejected: { status: 422 },
  key_weak: { status: 422 },
  private_key_exposed: { status: 422 },
  conflict: { status: 409 },
  precondition_failed: { status: 412 },
  idempotency_key_reused: { status: 422 },
  media_type_unsupported: { status: 415 },
  bad_request: { status: 400 },
  not_found: { status: 404 },
  method_not_allowed: { status: 405 },
  request_timeout: { status: 408 },
  body_too_large: { status: 413 },
  uri_too_long: { status: 414 },
  headers_too_large: { status: 431 },
  rate_limited: { status: 429 },
  internal: { status: 500 },
  unavailable: { status: 503 },
} as const satisfies Record<RefusalCode, Answer>;

/** What a refusal's answer needs from its listener and request. */
export interface AnswerContext {
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly requestId: string;
  /** The scheme of a 401's challenge, if it isn't the one of {@link ANSWERS}. */
  readonly challenge?: "Token" | "Basic";
}

/** A whole answer: header names and values alternating, as `ServerResponse.writeHead` takes them. */
export interface WrittenAnswer {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
  /** Writes the body itself once the head is written, for an answer that doesn't end. */
  readonly stream?: (response: ServerResponse) => void;
}

/** Challenges without an error parameter (RFC 9110 §11.6.1). */
export const REALM_CHALLENGES = { Basic: `Basic realm="${REALM}", charset="UTF-8"` } as const;

const JSON_TYPE = "application/json; charset=utf-8";

/** The headers of every answer, followed by `more`, as a flat list. They forbid caching (RFC 6749 §5.1). */
export function headersWith(requestId: string, ...more: string[]): string[] {
  return ["Cache-Control", "no-store", "X-Request-Id", requestId, ...more];
}

/**
 * The headers of an answer with a body. They forbid browsers to sniff its type, frame it or run scripts in it. The proxy that
 * terminates TLS sets `Strict-Transport-Security`.
 */
export function bodyHeadersWith(requestId: string, ...more: string[]): string[] {
  return headersWith(
    requestId,
    "X-Content-Type-Options",
    "nosniff",
    "Content-Security-Policy",
    "default-src 'none'; frame-ancestors 'none'",
    ...more,
  );
}

/** The headers of a JSON answer with this body. `Pragma` is for caches of HTTP/1.0 (RFC 6749 §5.1). */
export function jsonHeaders(requestId: string, body: string): string[] {
  const length = String(Buffer.byteLength(body));
  return bodyHeadersWith(requestId, "Pragma", "no-cache", "Content-Type", JSON_TYPE, "Content-Length", length);
}

/** The answer to a refused request, in the envelope. */
export function refusalAnswer(refusal: Refusal, context: AnswerContext): WrittenAnswer {
  const { code, detail } = refusal;
  const answer: Answer = ANSWERS[code];
  const item = (message: string, field?: string) => ({
    code,
    message,
    ...(detail.hint === undefined ? {} : { hint: detail.hint }),
    ...(field === undefined ? {} : { field }),
    ...(detail.weakness === undefined ? {} : { weakness: detail.weakness }),
    docs: `${context.publicUrl}${ERRORS_PATH}#${code}`,
  });
  const errors = detail.fields?.map(({ message, field }) => item(message, field)) ?? [item(refusal.message)];
  const envelope: Envelope<object> = { meta: { code: answer.status, errors, warnings: [] }, data: detail.data ?? {} };
  const body = JSON.stringify(envelope);
  const headers = jsonHeaders(context.requestId, body);
  if (answer.challenge !== undefined) {
    const scheme = context.challenge ?? answer.challenge;
    // Basic has no parameter `error` (RFC 7617 §2), and browsers may reject it.
    const challenge = scheme === "Basic" ? REALM_CHALLENGES.Basic : `${scheme} realm="${REALM}", error="${code}"`;
    headers.push("WWW-Authenticate", challenge);
  }
  headers.push(...refusalHeaders(refusal));
  return { status: answer.status, headers, body };
}

/** The headers that a refusal's detail asks for: `Allow`, `Retry-After` and the rate limit's. */
export function refusalHeaders({ detail }: Refusal): string[] {
  const headers: string[] = [];
  if (detail.allow !== undefined) headers.push("Allow", detail.allow);
  if (detail.retryAfterSeconds !== undefined) headers.push("Retry-After", String(detail.retryAfterSeconds));
  if (detail.rateLimit !== undefined) {
    headers.push("RateLimit-Policy", detail.rateLimit.policy, "RateLimit", detail.rateLimit.state);
  }
  return headers;
}

/** The readers of a listener's answers: clients on the public listener, operators on the internal one. */
export type Audience = "clients" | "operators";

/**
 * The refusal that is sent for an error: a refusal unchanged, anything else as `internal` with fixed text. If the service is at
 * fault, the answer names the request id under which the log has the cause. Only operators learn why the service is unavailable.
 */
export function publicRefusal(error: unknown, requestId: string, audience: Audience = "clients"): Refusal {
  if (error instanceof Refusal && error.code === "unavailable") {
    return audience === "operators"
      ? new Refusal("unavailable", error.message, {
          ...error.detail,
          hint: `The log says more (request ${requestId}).`,
        })
      : new Refusal("unavailable", `The service can't answer right now (request ${requestId}).`, {
          ...error.detail,
          hint: "Try again in a moment.",
        });
  }
  if (error instanceof Refusal) return error;
  return new Refusal("internal", `Something failed on this side (request ${requestId}).`, {
    hint: "Tell the administrator of this service the request's id.",
    cause: error,
    ...(error instanceof PartialFailure && { data: error.data }),
  });
}

/** The reason why a request failed, for the log. Empty for a defect, whose error is logged. */
export function failureReason(error: unknown): { readonly reason?: string } {
  return error instanceof Refusal ? { reason: error.message } : {};
}

/** Writes an answer. The body is one string, so that head and body are sent in one write. */
export function sendAnswer(response: ServerResponse, { status, headers, body, stream }: WrittenAnswer): void {
  response.writeHead(status, headers);
  if (stream === undefined) response.end(body);
  else stream(response);
}
