import type { Audiences } from "../assertion/check-claims.ts";
import type { FindSource } from "../check-source.ts";
import { checkHeader, parseAssertion } from "../assertion/parse-assertion.ts";
import type { FindSigner } from "../assertion/find-signer.ts";
import { Refusal } from "../refusal.ts";
import type { ViewKey } from "../view/view-user.ts";
import type { Clock } from "../surroundings.ts";
import type { RecordUserRefusal } from "../user-refusals.ts";
import type { AssertionLedger } from "./assertion-ledger.ts";
import { checkClientClaims, parseClientClaims } from "./client-assertion.ts";

/** `client_assertion_type` (RFC 7523 §2.2). */
export const JWT_BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** A client's credentials, as they stand in the form; `undefined` for a missing parameter. */
export interface ClientCredentials {
  readonly clientId: string | undefined;
  readonly assertionType: string | undefined;
  readonly assertion: string | undefined;
  /** The client's address, its only identity before the signature is checked. */
  readonly client?: string;
  /** Without it, a user or key that is limited to networks is refused. */
  readonly findSource?: FindSource;
}

/** A client that has proved that it holds one of its private keys. */
export interface AuthenticatedClient {
  readonly key: ViewKey;
  readonly nowMicroseconds: number;
  /** Marks the assertion as used. Call it last, so that a client can correct a refused request and send it again. */
  useUpAssertion(): Promise<void>;
}

/**
 * Authenticates a client by `private_key_jwt` (RFC 7523 §2.2, §3).
 *
 * @throws {Refusal} `client_rejected` without an assertion, `assertion_audience`, and the exchange's codes
 */
export type AuthenticateClient = (credentials: ClientCredentials) => Promise<AuthenticatedClient>;

export function createAuthenticateClient(
  findSigner: FindSigner,
  clock: Clock,
  audiences: Audiences,
  ledger: AssertionLedger,
  recordRefusal?: RecordUserRefusal,
): AuthenticateClient {
  return async (credentials) => {
    const nowMicroseconds = clock.nowMicroseconds();
    const assertion = parseAssertion(presentAssertion(credentials));
    const algorithm = checkHeader(assertion.unverifiedHeader);
    const claims = parseClientClaims(assertion.unverifiedClaims);
    const nowMs = nowMicroseconds / 1000;
    const { client, findSource } = credentials;
    let key: ViewKey;
    try {
      checkClientClaims(claims, nowMicroseconds / 1e6, audiences);
      // RFC 7521 §4.2: the parameter is optional, but must not name another client.
      if (credentials.clientId !== undefined && credentials.clientId !== claims.clientId) {
        throw new Refusal("client_rejected", "The parameter client_id isn't the assertion's sub.");
      }
      key = await findSigner(assertion, algorithm, claims.clientId, nowMs, client, findSource);
    } catch (error) {
      recordRefusal?.(claims.clientId, error);
      throw error;
    }
    return {
      key,
      nowMicroseconds,
      async useUpAssertion() {
        try {
          await ledger.useUp(key.user.id, claims.jti, claims.expiresAtSeconds);
        } catch (error) {
          recordRefusal?.(claims.clientId, error);
          throw error;
        }
      },
    };
  };
}

function presentAssertion({ assertionType, assertion }: ClientCredentials): string {
  if (assertion === undefined) {
    throw new Refusal("client_rejected", "The request has no client_assertion.", {
      hint: "Authenticate with private_key_jwt (RFC 7523 §2.2): client_assertion_type and client_assertion. There are no client secrets.",
    });
  }
  if (assertionType !== JWT_BEARER_ASSERTION) {
    throw new Refusal("client_rejected", "The request's client_assertion_type isn't the one for JWTs.", {
      hint: `Set it to ${JWT_BEARER_ASSERTION}.`,
    });
  }
  return assertion;
}
