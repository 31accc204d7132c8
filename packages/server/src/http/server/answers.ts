/**
 * HTTP: what comes in becomes a call of the core, what comes out becomes an answer. No rule of the exchange or the check is
 * decided here, and nothing here knows the store.
 */
import type { ServerResponse } from "node:http";
import { ERRORS_PATH, type Envelope, REALM, type RefusalCode } from "@countersign/protocol";
import { Refusal } from "../../core/refusal.ts";

/** How a refusal leaves: its status and, for a 401, the scheme of its challenge (RFC 9110 §11.6.1). */
interface Answer {
  readonly status: number;
  readonly challenge?: "JWT" | "Token" | "Basic" | "Bearer";
}

/** The one table from refusals to statuses. */
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
  assertion_replayed: { status: 401, challenge: "JWT" },
  ttl_invalid: { status: 400 },
  grant_type_unsupported: { status: 400 },
  scope_unsupported: { status: 400 },
  client_rejected: { status: 401, challenge: "Basic" },
  token_foreign: { status: 400 },
  token_inactive: { status: 401, challenge: "Token" },
  token_revoked: { status: 403 },
  access_read_only: { status: 403 },
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

/** What every answer of one listener has in common. */
export interface AnswerContext {
  /** Without a slash at its end. */
  readonly publicUrl: string;
  readonly requestId: string;
  /** The scheme that a 401's challenge names, where it isn't the code's own. */
  readonly challenge?: "Token" | "Basic";
}

/** A whole answer: header names and values by turns, as `ServerResponse.writeHead` takes them. */
export interface WrittenAnswer {
  readonly status: number;
  readonly headers: string[];
  readonly body: string;
  /** Takes the answer over once its head is written, for a body that goes on. */
  readonly stream?: (response: ServerResponse) => void;
}

/** Challenges without an error (RFC 9110 §11.6.1). */
export const REALM_CHALLENGES = { Basic: `Basic realm="${REALM}", charset="UTF-8"` } as const;

const JSON_TYPE = "application/json; charset=utf-8";

/** The headers of every answer, and further ones, as a flat list. Nothing served here may be cached (RFC 6749 §5.1). */
export function headersWith(requestId: string, ...more: string[]): string[] {
  return ["Cache-Control", "no-store", "X-Request-Id", requestId, ...more];
}

/**
 * The same where there is a body, which then must not be sniffed, framed or run. `Strict-Transport-Security` is for whoever
 * terminates TLS.
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
    docs: `${context.publicUrl}${ERRORS_PATH}#${code}`,
  });
  const errors = detail.fields?.map(({ message, field }) => item(message, field)) ?? [item(refusal.message)];
  const envelope: Envelope<Record<string, never>> = {
    meta: { code: answer.status, errors, warnings: [] },
    data: {},
  };
  const body = JSON.stringify(envelope);
  const headers = jsonHeaders(context.requestId, body);
  if (answer.challenge !== undefined) {
    const scheme = context.challenge ?? answer.challenge;
    // Basic has no such parameter (RFC 7617 §2), and browsers are particular.
    const challenge = scheme === "Basic" ? REALM_CHALLENGES.Basic : `${scheme} realm="${REALM}", error="${code}"`;
    headers.push("WWW-Authenticate", challenge);
  }
  headers.push(...refusalHeaders(refusal));
  return { status: answer.status, headers, body };
}

/** The headers that follow from a refusal's detail, whatever its body looks like. */
export function refusalHeaders({ detail }: Refusal): string[] {
  const headers: string[] = [];
  if (detail.allow !== undefined) headers.push("Allow", detail.allow);
  if (detail.retryAfterSeconds !== undefined) headers.push("Retry-After", String(detail.retryAfterSeconds));
  if (detail.rateLimit !== undefined) {
    headers.push("RateLimit-Policy", detail.rateLimit.policy, "RateLimit", detail.rateLimit.state);
  }
  return headers;
}

/** Who reads what a listener answers: on the public one anybody, on the internal one those who run the service. */
export type Audience = "anybody" | "operators";

/**
 * What the outside learns of an error: a refusal as it is, anything else as `internal` with fixed text. Where the fault is
 * on this side, the answer names the request's id, under which the log has the cause. Only operators are told why the
 * service is unavailable.
 */
export function publicRefusal(error: unknown, requestId: string, audience: Audience = "anybody"): Refusal {
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
  });
}

/** Why a request failed, for the log: a defect says so by its error. */
export function failureReason(error: unknown): { readonly reason?: string } {
  return error instanceof Refusal ? { reason: error.message } : {};
}

/** Writes an answer. The body is one string, so that head and body leave in one write. */
export function sendAnswer(response: ServerResponse, { status, headers, body, stream }: WrittenAnswer): void {
  response.writeHead(status, headers);
  if (stream === undefined) response.end(body);
  else stream(response);
}
