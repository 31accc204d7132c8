import { FEED_POSITION_HEADER, type IntrospectionGrant } from "@countersign/protocol";
import type { CheckToken, TokenVerdict } from "../../../core/check.ts";
import { Refusal } from "../../../core/refusal.ts";
import { formatTokenId } from "../../../core/token/token-identity.ts";
import { jsonHeaders, type WrittenAnswer } from "../../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../../server/endpoint.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { readCredentials, type LimitedAuthentication } from "../authenticate-resource-server.ts";
import { oauthRefusalAnswer } from "./oauth-answers.ts";
import { readForm } from "./read-form.ts";
import { optionsAnswer, requirePost } from "../require-post.ts";

const INACTIVE_BODY = JSON.stringify({ active: false });

/**
 * `POST /oauth2/introspect` (RFC 7662): tells a resource server which API user a token belongs to. For an inactive token, the
 * answer says nothing else (§2.2).
 */
export function createIntrospectionEndpoint(
  checkToken: CheckToken,
  feedPosition: () => number,
  authenticateResourceServer: LimitedAuthentication,
  limit: RefusalLimit,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  const { publicUrl, log, metrics } = surroundings;

  function verdictAnswer(verdict: TokenVerdict, position: number, requestId: string): WrittenAnswer {
    metrics.tokenChecked(verdict.active ? "active" : verdict.reason);
    if (!verdict.active) {
      log.debug({ request_id: requestId, route: "introspection", reason: verdict.reason }, "token inactive");
    }
    const body = verdict.active ? JSON.stringify(describeToken(verdict, publicUrl)) : INACTIVE_BODY;
    const headers = jsonHeaders(requestId, body);
    headers.push(FEED_POSITION_HEADER, String(position));
    return { status: 200, headers, body };
  }

  return createEndpoint(
    "introspection",
    surroundings,
    async (context) => {
      const { request, requestId } = context;
      if (request.method === "OPTIONS") return optionsAnswer(requestId);
      requirePost(request);
      const form = await readForm(request);
      await authenticateResourceServer(() => readCredentials(request, form), context.clientAddress());
      const token = form("token");
      if (token === undefined) throw new Refusal("bad_request", "The request has no token.");
      // Read before the check, whose result is at least as recent.
      const position = feedPosition();
      return verdictAnswer(await checkToken(token), position, requestId);
    },
    {
      challenge: "Basic",
      refusalAnswer: oauthRefusalAnswer,
      onRefused: (context) => limit.count(context.clientAddress()),
    },
  );
}

function describeToken(token: Extract<TokenVerdict, { active: true }>, issuer: string): IntrospectionGrant {
  const { username } = token;
  return {
    active: true,
    token_type: "Bearer",
    client_id: username,
    username,
    sub: username,
    iss: issuer,
    exp: token.endsAtSeconds,
    jti: formatTokenId(token),
    account: token.account,
    access: token.access,
    user_id: token.userId,
    key_id: token.keyId,
  };
}
