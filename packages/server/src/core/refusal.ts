import type { RefusalCode, Weakness } from "@countersign/protocol";

/** What is wrong with one member of a body, or one parameter. */
export interface FieldProblem {
  /** A JSON pointer (RFC 6901), such as `/name`; empty for the whole body. */
  readonly field: string;
  readonly message: string;
}

/** A name that nothing of its kind has. */
export interface UnknownName {
  readonly kind: "account" | "admin-token" | "operator" | "resource-server" | "user";
  readonly name: string;
}

/** What a refusal may carry besides its message. The client may see everything but `cause` and `unknownName`. */
export interface RefusalDetail {
  /** The likely cause or the fix. */
  readonly hint?: string;
  /** What is wrong with each member of the body or each parameter, for `field_invalid`: by JSON pointer. */
  readonly fields?: readonly FieldProblem[];
  /** What is weak about the key, for `key_weak`. */
  readonly weakness?: Weakness;
  /** Methods that the resource supports, for `method_not_allowed`. */
  readonly allow?: string;
  /** Whole seconds after which to try again, for `rate_limited` and `unavailable`. */
  readonly retryAfterSeconds?: number;
  /** RateLimit header fields (draft-ietf-httpapi-ratelimit-headers), for `rate_limited`. */
  readonly rateLimit?: { readonly policy: string; readonly state: string };
  /** The name that was looked for, for `not_found`, so that the command line can suggest others. Not sent. */
  readonly unknownName?: UnknownName;
  /** What was done before the refusal and must not be lost, such as new secrets. Sent as the answer's `data`. */
  readonly data?: object;
  /** The underlying error. Logged, never sent. */
  readonly cause?: unknown;
}

/**
 * The refusal of a request: an expected outcome, not a defect.
 *
 * `code` is from a closed list; `message` is one sentence for the client or operator. The message never holds a token, an assertion,
 * a secret, key material, or text from an unauthenticated client, except numbers and short names that {@link quoteName} allows. A
 * refused change changes nothing.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly detail: RefusalDetail;

  constructor(code: RefusalCode, message: string, detail: RefusalDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.detail = detail;
  }
}

/** A defect after a part of a change was made. */
export class PartialFailure extends Error {
  /** As in {@link RefusalDetail}. */
  readonly data: object;

  constructor(cause: unknown, data: object) {
    super("a change failed after a part of it was made", { cause });
    this.data = data;
  }
}

/** The refusal of one member of the body or one parameter. @param field its name */
export function fieldRefusal(code: RefusalCode, message: string, field: string): Refusal {
  return new Refusal(code, message, { fields: [{ field: `/${field}`, message }] });
}

/** Quotes a name from a client if it is short and plain enough for a message; otherwise describes it. */
export function quoteName(name: unknown): string {
  if (typeof name !== "string") return name === undefined ? "missing" : "not a string";
  return /^[A-Za-z0-9._+-]{1,20}$/.test(name) ? `"${name}"` : "not a name that this service knows";
}
