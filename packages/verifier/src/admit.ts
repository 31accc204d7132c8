import type { Auth } from "./caller.ts";
import { parseAuthorization } from "./parse-authorization.ts";
import { type RefusalAnswer, refusalAnswer } from "./refusal-answer.ts";
import type { FindVerdict } from "./token-verdicts.ts";

/** As much of a request as decides about it. */
export interface RequestFacts {
  /** As it was sent; methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string | undefined;
  /** The `Authorization` header: one value, or all where it was repeated. */
  readonly authorization: string | readonly string[] | null | undefined;
}

/** Whether a request may go on, and whose it is, or the answer to send instead. */
export type Admission =
  | { readonly admitted: true; readonly auth: Auth }
  | { readonly admitted: false; readonly refusal: RefusalAnswer };

/** Decides about one request. Never rejects; what can't be decided is refused. */
export type Admit = (request: RequestFacts) => Promise<Admission>;

const DEFECT_CODES = {
  missing: "authorization_missing",
  scheme: "authorization_scheme",
  repeated: "bad_request",
} as const;

export function createAdmit(findVerdict: FindVerdict, publicUrl: string): Admit {
  return async ({ method, authorization }) => {
    const credential = parseAuthorization(authorization);
    if ("defect" in credential) {
      return { admitted: false, refusal: refusalAnswer(DEFECT_CODES[credential.defect], publicUrl, credential.scheme) };
    }
    const { scheme, token } = credential;
    const verdict = await findVerdict(token);
    if (verdict.outcome === "undecided") {
      const { retryAfterSeconds } = verdict;
      return { admitted: false, refusal: refusalAnswer("unavailable", publicUrl, scheme, retryAfterSeconds) };
    }
    if (verdict.outcome === "inactive") {
      return { admitted: false, refusal: refusalAnswer(verdict.reason ?? "token_inactive", publicUrl, scheme) };
    }
    const { auth } = verdict;
    if (auth.access === "full" || isReading(method)) return { admitted: true, auth };
    return { admitted: false, refusal: refusalAnswer("access_read_only", publicUrl, scheme) };
  };
}

/** Methods that a read-only user may use (RFC 9110 §9.2.1, without TRACE). */
function isReading(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}
