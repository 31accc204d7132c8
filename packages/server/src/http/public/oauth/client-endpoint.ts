import type { ClientCredentials } from "../../../core/oauth/authenticate-client.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { WrittenAnswer } from "../../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../../server/endpoint.ts";
import type { DelayRejection } from "../delay-rejection.ts";
import type { EndpointRoute } from "../../server/metrics.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import { oauthRefusalAnswer } from "./oauth-answers.ts";
import { optionsAnswer, requirePost } from "../require-post.ts";
import { type Form, readForm } from "./read-form.ts";

/** Where a client's request came from. */
type RequestOrigin = Pick<ClientCredentials, "client" | "findSource">;

/** Makes an endpoint to which OAuth clients post a form that contains an assertion. */
export function createClientEndpoint(
  route: EndpointRoute,
  limit: RefusalLimit,
  delayRejection: DelayRejection,
  surroundings: EndpointSurroundings,
  answer: (form: Form, requestId: string, origin: RequestOrigin) => Promise<WrittenAnswer>,
): PlainEndpoint {
  return createEndpoint(
    route,
    surroundings,
    async (context) => {
      const { request, requestId } = context;
      if (request.method === "OPTIONS") return optionsAnswer(requestId);
      requirePost(request);
      const address = context.clientAddress();
      limit.check(address);
      if (request.headers.authorization !== undefined) {
        throw new Refusal(
          "client_rejected",
          "This endpoint doesn't authenticate clients by the Authorization header.",
          {
            hint: "Use private_key_jwt (RFC 7523 §2.2): client_assertion_type and client_assertion in the form.",
          },
        );
      }
      // The fixed delay starts here: counted from the head, a client could send its body late and still measure the work.
      const form = await readForm(request);
      const origin = { client: address, findSource: () => surroundings.clientSource.find(request) };
      return delayRejection(() => answer(form, requestId, origin));
    },
    {
      refusalAnswer: (refusal, context, request) =>
        oauthRefusalAnswer(
          refusal,
          request.headers.authorization === undefined ? context : { ...context, challenge: "Basic" },
        ),
      onRefused: (context) => limit.count(context.clientAddress()),
    },
  );
}

/** Reads the parameters with which a client authenticates (RFC 7521 §4.2). */
export function clientCredentials(form: Form, origin: RequestOrigin): ClientCredentials {
  return {
    ...origin,
    clientId: form("client_id"),
    assertionType: form("client_assertion_type"),
    assertion: form("client_assertion"),
  };
}
