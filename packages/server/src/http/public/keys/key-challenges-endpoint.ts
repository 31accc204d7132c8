/** What clients do with their keys by themselves. Adding a key for somebody else is the admin API's. */
import type { KeyProofs } from "../../../core/key-statements/key-proofs.ts";
import { jsonHeaders, type WrittenAnswer } from "../../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../../server/endpoint.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { optionsAnswer, requirePost } from "../require-post.ts";

/**
 * `POST /api/auth/v0/key-challenges/`: hands out a nonce for a proof of possession, to anybody. It stores nothing, and reads neither the
 * request's body nor its headers.
 *
 * @param challengeLimit counts the nonces that an address gets
 */
export function createKeyChallengesEndpoint(
  { makeChallenge }: Pick<KeyProofs, "makeChallenge">,
  limit: RefusalLimit,
  challengeLimit: RefusalLimit,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  return createEndpoint(
    "key_challenges",
    surroundings,
    (context): WrittenAnswer => {
      const { request, requestId } = context;
      if (request.method === "OPTIONS") return optionsAnswer(requestId);
      requirePost(request);
      const address = context.clientAddress();
      limit.check(address);
      challengeLimit.check(address);
      challengeLimit.count(address);
      const { nonce, expiresAtMs } = makeChallenge();
      const body = JSON.stringify({
        meta: { code: 200, errors: [], warnings: [] },
        data: { nonce, expires_at: expiresAtMs / 1000 },
      });
      return { status: 200, headers: jsonHeaders(requestId, body), body };
    },
    { onRefused: (context) => limit.count(context.clientAddress()) },
  );
}
