import type { Grant, IssueToken } from "../issue-token.ts";
import { Refusal } from "../refusal.ts";
import { parseTtl } from "../ttl.ts";
import type { AuthenticateClient, ClientCredentials } from "./authenticate-client.ts";

/** A request to the token endpoint: its parameters as they stand in the form; `undefined` for a missing one. */
export interface TokenRequest extends ClientCredentials {
  readonly grantType: string | undefined;
  readonly scope: string | undefined;
  /** An extension of OAuth: the exchange's parameter. */
  readonly ttl: string | undefined;
}

/** Grants a token to a client for itself (RFC 6749 §4.4). @throws {Refusal} */
export type GrantClientCredentials = (request: TokenRequest) => Promise<Grant>;

export function createGrantClientCredentials(
  authenticateClient: AuthenticateClient,
  issueToken: IssueToken,
): GrantClientCredentials {
  return async (request) => {
    if (request.grantType === undefined) {
      throw new Refusal("bad_request", "The request has no grant_type.", { hint: "Set it to client_credentials." });
    }
    if (request.grantType !== "client_credentials") {
      throw new Refusal("grant_type_unsupported", "The only grant_type is client_credentials.");
    }
    const client = await authenticateClient(request);
    // If it were ignored, the token could have more or less access than the client expects (RFC 6749 §3.3).
    if (request.scope !== undefined) {
      throw new Refusal("scope_unsupported", "This service knows no scopes.", {
        hint: "Leave scope out. What a token may do follows from its API user's access: full or read_only.",
      });
    }
    const ttlSeconds = parseTtl(request.ttl === undefined ? [] : [request.ttl]);
    await client.useUpAssertion();
    return issueToken(client.key, client.nowMicroseconds, ttlSeconds);
  };
}
