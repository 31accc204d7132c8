import { TOKEN_SCHEME } from "@countersign/protocol";
import { parseCredential } from "../../core/authorization.ts";
import type { ActiveToken, CheckToken, TokenVerdict } from "../../core/check.ts";
import { Refusal } from "../../core/refusal.ts";
import { headersWith, type WrittenAnswer } from "../answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint, type Visit } from "../endpoint.ts";
import type { RefusalLimit } from "../refusal-limit.ts";
import type { OriginalMethods } from "./original-method.ts";

/**
 * `/api/auth/v0/check/`, any method, any suffix: the token check for gateways.
 *
 * Answers 200 with the caller in `X-Auth-*` headers, 401 for no token or a bad one, 403 for a write by a read-only user;
 * 503 only where a revocation can't be ruled out. A gateway takes all but 200 for a no. It never answers 429: behind a
 * gateway one client's bad tokens must not shut out the others. Its refusals do count towards the limit of the exchange.
 */
export function createCheckEndpoint(
  checkToken: CheckToken,
  limit: RefusalLimit,
  originalMethods: OriginalMethods,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  const { log, metrics } = surroundings;

  function judge(verdict: TokenVerdict, visit: Visit): WrittenAnswer {
    metrics.tokenChecked(verdict.active ? "active" : verdict.reason);
    if (!verdict.active) {
      log.debug({ request_id: visit.requestId, route: "check", reason: verdict.reason }, "token inactive");
      throw new Refusal("token_inactive", "The token isn't valid, or not any more.", {
        hint: "Exchange a new assertion for a new token.",
      });
    }
    if (verdict.access === "read_only" && !originalMethods(visit.request).every(isReading)) {
      throw new Refusal("access_read_only", "This API user may read only: GET, HEAD and OPTIONS.", {
        hint: "Use an API user with full access for this request.",
      });
    }
    return callerAnswer(verdict, visit.requestId);
  }

  return createEndpoint(
    "check",
    surroundings,
    (visit) => {
      const token = parseCredential(visit.request.headers.authorization, [TOKEN_SCHEME, "Bearer"]);
      const verdict = checkToken(token);
      return verdict instanceof Promise ? verdict.then((late) => judge(late, visit)) : judge(verdict, visit);
    },
    {
      challenge: TOKEN_SCHEME,
      refusalLevel: "debug",
      onRefused: (visit) => limit.count(visit.clientAddress()),
    },
  );
}

/** Methods that a read-only user may use (RFC 9110 §9.2.1, without TRACE). Methods are case-sensitive. */
function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** Names and ids are ASCII: a username is made of an id and a name of letters, digits, `.`, `_` and `-`. */
function callerAnswer(token: ActiveToken, requestId: string): WrittenAnswer {
  const headers = headersWith(
    requestId,
    "X-Auth-Username",
    token.username,
    "X-Auth-User-Id",
    String(token.userId),
    "X-Auth-Account",
    token.account,
    "X-Auth-Access",
    token.access,
    "X-Auth-Key-Id",
    String(token.keyId),
    "X-Auth-Expires-At",
    String(token.endsAtSeconds),
    "Content-Length",
    "0",
  );
  return { status: 200, headers, body: "" };
}
