import type { Grant } from "../../../core/issue-token.ts";
import type { GrantClientCredentials } from "../../../core/oauth/client-credentials.ts";
import { jsonHeaders, type WrittenAnswer } from "../../server/answers.ts";
import type { EndpointSurroundings, PlainEndpoint } from "../../server/endpoint.ts";
import type { DelayRejection } from "../delay-rejection.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { clientCredentials, createClientEndpoint } from "./client-endpoint.ts";

/** `POST /oauth2/token` (RFC 6749 §4.4.2, §5.1). */
export function createTokenEndpoint(
  grantClientCredentials: GrantClientCredentials,
  limit: RefusalLimit,
  delayRejection: DelayRejection,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  const { log, metrics } = surroundings;
  return createClientEndpoint("oauth_token", limit, delayRejection, surroundings, async (form, requestId, origin) => {
    const grant = await grantClientCredentials({
      ...clientCredentials(form, origin),
      grantType: form("grant_type"),
      scope: form("scope"),
      ttl: form("ttl"),
    });
    metrics.tokenIssued();
    log.debug({ request_id: requestId, route: "oauth_token", key_id: grant.keyId }, "token issued");
    return tokenAnswer(grant, requestId);
  });
}

/** OAuth's answer has no warnings. `expires_in` is the token's actual remaining lifetime, in seconds (RFC 6749 §5.1). */
function tokenAnswer({ token, issuedAtMicroseconds, endsAtMicroseconds }: Grant, requestId: string): WrittenAnswer {
  const expiresIn = Math.floor((endsAtMicroseconds - issuedAtMicroseconds) / 1e6);
  const body = JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: expiresIn });
  return { status: 200, headers: jsonHeaders(requestId, body), body };
}
