import type { RevokeKey } from "../../../core/revocation/revoke-key.ts";
import { jsonHeaders } from "../../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../../server/endpoint.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { optionsAnswer, requirePost } from "../require-post.ts";
import { readJsonObject, requiredText } from "../read-json.ts";

/** The largest body, in bytes: a statement of 8 KiB. */
const BODY_BYTES_MAX = 10_240;

/** The same bytes whether or not such a key is registered. */
const BODY = JSON.stringify({ meta: { code: 200, errors: [], warnings: [] }, data: {} });

/** `POST /api/auth/v0/revoke-key/`: revokes the key that signed the statement in the body. Needs no other credentials. */
export function createRevokeKeyEndpoint(
  revokeKey: RevokeKey,
  refusals: RefusalLimit,
  requests: RefusalLimit,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  return createEndpoint(
    "revoke_key",
    surroundings,
    async (context) => {
      const { request, requestId } = context;
      if (request.method === "OPTIONS") return optionsAnswer(requestId);
      requirePost(request);
      const address = context.clientAddress();
      refusals.check(address);
      requests.check(address);
      requests.count(address);
      const body = await readJsonObject(request, BODY_BYTES_MAX, ["revocation"]);
      const { keys, isRemembered } = await revokeKey(requiredText(body, "revocation"), address);
      for (const { id } of keys) {
        surroundings.log.info(
          { request_id: requestId, route: "revoke_key", key_id: id },
          "key revoked by its own statement",
        );
      }
      if (isRemembered)
        surroundings.log.info({ request_id: requestId, route: "revoke_key" }, "modulus of no key revoked");
      return { status: 200, headers: jsonHeaders(requestId, BODY), body: BODY };
    },
    { onRefused: (context) => refusals.count(context.clientAddress()) },
  );
}
