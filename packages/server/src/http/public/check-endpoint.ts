import { TOKEN_SCHEME } from "@countersign/protocol";
import type { IncomingMessage } from "node:http";
import { parseCredential } from "../../core/authorization.ts";
import type { ActiveToken, CheckToken, InactiveReason, TokenVerdict } from "../../core/check.ts";
import { checkSource, type NetworkLimit } from "../../core/check-source.ts";
import { Refusal } from "../../core/refusal.ts";
import { headersWith, type WrittenAnswer } from "../server/answers.ts";
import {
  createEndpoint,
  type EndpointSurroundings,
  type PlainEndpoint,
  type RequestContext,
} from "../server/endpoint.ts";
import type { RefusalLimit } from "../server/refusal-limit.ts";
import type { IsReading } from "./is-reading.ts";
import type { RequireGateway } from "./require-gateway.ts";

/**
 * `/api/auth/v0/check/` with any method and any suffix: the token check for gateways.
 *
 * Answers 200 with the caller in `X-Auth-*` headers; 401 for a token that is missing, invalid or expired; 403 for a revoked token,
 * for a token that a trusted proxy's client uses outside its networks, for a write by a read-only user, and where gateways need a
 * certificate and the caller has none; 503 only if a revocation
 * can't be ruled out. A gateway treats every answer but 200 as a refusal. It never answers 429, because one client's bad tokens must
 * not lock out other clients of the same gateway. Its refusals do count towards the limit of the exchange.
 */
export function createCheckEndpoint(
  checkToken: CheckToken,
  limit: RefusalLimit,
  isReading: IsReading,
  surroundings: EndpointSurroundings,
  requireGateway?: RequireGateway,
): PlainEndpoint {
  const { log, metrics, clientSource } = surroundings;
  let wasReported = false;

  function judge(verdict: TokenVerdict, context: RequestContext): WrittenAnswer {
    metrics.tokenChecked(verdict.active ? "active" : verdict.reason);
    if (!verdict.active) {
      log.debug({ request_id: context.requestId, route: "check", reason: verdict.reason }, "token inactive");
      throw inactiveRefusal(verdict.reason);
    }
    if (verdict.limits.length > 0) checkLimits(verdict.limits, context.request);
    if (verdict.access === "read_only" && !isReading(context.request)) {
      throw new Refusal("access_read_only", "This API user may read only: GET, HEAD and OPTIONS.", {
        hint: "Use an API user with full access for this request.",
      });
    }
    return callerAnswer(verdict, context.requestId);
  }

  /** The peer is the gateway, so only a trusted proxy knows the client. The exchange has checked the token's own client. */
  function checkLimits(limits: readonly NetworkLimit[], request: IncomingMessage): void {
    const source = clientSource.findNamed(request);
    if (source !== undefined) checkSource(limits, () => source);
    else if (!wasReported) {
      wasReported = true;
      log.warn(
        "a token limited to networks was checked without its client's address, and the limit wasn't applied: the gateway isn't in COUNTERSIGN_TRUSTED_PROXIES, or sends neither X-Forwarded-For nor Forwarded",
      );
    }
  }

  return createEndpoint(
    "check",
    surroundings,
    (context) => {
      requireGateway?.(context.request);
      const token = parseCredential(context.request.headers.authorization, [TOKEN_SCHEME, "Bearer"]);
      const verdict = checkToken(token);
      return verdict instanceof Promise ? verdict.then((late) => judge(late, context)) : judge(verdict, context);
    },
    {
      challenge: TOKEN_SCHEME,
      refusalLevel: "debug",
      onRefused: (context) => limit.count(context.clientAddress()),
    },
  );
}

const NEW_KEY = "Make a new key pair and have its public key added.";
const ACTIVATE = "Ask the administrator of this service to activate it.";

/**
 * The refusal of an inactive token. Only the holder of a genuine, unexpired token learns, by a 403, that it was revoked. All other
 * reasons get the same 401.
 */
function inactiveRefusal(reason: InactiveReason): Refusal {
  switch (reason) {
    case "key_revoked":
      return new Refusal("key_deactivated", "The key behind this token is revoked.", {
        hint: `It stays off. ${NEW_KEY}`,
      });
    case "key_deactivated":
      return new Refusal("key_deactivated", "The key behind this token is deactivated.", { hint: ACTIVATE });
    case "key_expired":
      return new Refusal("key_expired", "The key behind this token is past its expiry.", { hint: NEW_KEY });
    case "user_deactivated":
      return new Refusal("user_deactivated", "The API user is deactivated.", { hint: ACTIVATE });
    case "account_deactivated":
      return new Refusal("account_deactivated", "The API user's account is deactivated.", { hint: ACTIVATE });
    case "token_revoked":
      return new Refusal("token_revoked", "This token was revoked.", {
        hint: "Its key still works: exchange a new assertion for a new token.",
      });
    default:
      return new Refusal("token_inactive", "The token isn't valid, or not any more.", {
        hint: "Exchange a new assertion for a new token.",
      });
  }
}

/** The answer that names the caller. Names are ASCII letters, digits, `.`, `_` and `-`, so headers can carry them. */
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
