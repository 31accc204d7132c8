import type { RefusalCode } from "@countersign/protocol";

/**
 * What this SDK itself reports, beside the server's refusals:
 *
 * - `options_invalid`: an option has a value that can't be; thrown at once, before anything is sent.
 * - `key_unusable`: the private key is none that this service takes; the message says what it is instead.
 * - `network`: no answer came (name resolution, connection, TLS).
 * - `timeout`: no answer came in time.
 * - `answer_unexpected`: an answer came that isn't this service's, such as a proxy's page or a redirect.
 * - `refusal_unknown`: a refusal whose code this version doesn't know.
 * - `origin_refused`: a request to an origin that isn't to see the token; nothing was sent.
 * - `key_not_stored`: the function that stores a new private key failed; nothing was sent.
 * - `rotation_running`: a rotation of this token source's key hasn't ended yet.
 */
export const SDK_ERROR_CODES = [
  "options_invalid",
  "key_unusable",
  "network",
  "timeout",
  "answer_unexpected",
  "refusal_unknown",
  "origin_refused",
  "key_not_stored",
  "rotation_running",
] as const;
export type SdkErrorCode = (typeof SDK_ERROR_CODES)[number];

/** Every `code` that an error of this SDK may have: its own and the server's. */
export type ErrorCode = SdkErrorCode | RefusalCode;

/** What is known beside code and message. */
export interface ErrorDetail {
  readonly hint?: string | undefined;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * The only error of this SDK. Switch on its `code`.
 *
 * No property of it, and no `cause`, holds a private key, an assertion or a token: it may be logged as it is.
 */
export class CountersignError extends Error {
  // On the prototype, where it is before the stack trace is written, which begins with it.
  static {
    this.prototype.name = "CountersignError";
  }
  readonly code: ErrorCode;
  /** What probably helps, in a sentence. */
  readonly hint: string | undefined;
  /** The answer's HTTP status, if there was an answer. */
  readonly status: number | undefined;
  /** The answer's `X-Request-Id`, under which the server's log has more. */
  readonly requestId: string | undefined;
  /** How long the server asks to wait, in seconds; at most {@link RETRY_AFTER_SECONDS_MAX}. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message);
    this.code = code;
    this.hint = detail.hint;
    this.status = detail.status;
    this.requestId = detail.requestId;
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }
}

/**
 * The longest wait that a `Retry-After` may ask for, in seconds: a wrong one must not switch a client off for years.
 */
export const RETRY_AFTER_SECONDS_MAX = 300;
