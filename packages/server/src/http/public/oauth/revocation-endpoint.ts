import type { RevokeToken } from "../../../core/oauth/revoke-token.ts";
import { headersWith } from "../../server/answers.ts";
import type { EndpointSurroundings, PlainEndpoint } from "../../server/endpoint.ts";
import type { DelayRejection } from "../delay-rejection.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { clientCredentials, createClientEndpoint } from "./client-endpoint.ts";

/** `POST /oauth2/revoke` (RFC 7009 §2). `token_type_hint` is ignored, because there is only one type of token. */
export function createRevocationEndpoint(
  revokeToken: RevokeToken,
  limit: RefusalLimit,
  delayRejection: DelayRejection,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  return createClientEndpoint("revocation", limit, delayRejection, surroundings, async (form, requestId, origin) => {
    await revokeToken({ ...clientCredentials(form, origin), token: form("token") });
    return { status: 200, headers: headersWith(requestId, "Pragma", "no-cache", "Content-Length", "0"), body: "" };
  });
}
