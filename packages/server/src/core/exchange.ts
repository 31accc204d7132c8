import { ASSERTION_SCHEME } from "@countersign/protocol";
import { parseCredential } from "./authorization.ts";
import { type Audiences, checkClaims, parseClaims } from "./assertion/check-claims.ts";
import { checkHeader, parseAssertion } from "./assertion/parse-assertion.ts";
import { createFindSigner, type FindSigner } from "./assertion/find-signer.ts";
import type { Grant, IssueToken } from "./issue-token.ts";
import { Refusal } from "./refusal.ts";
import { isExpired } from "./keys/model.ts";
import type { RegistryView, ViewKey } from "./view/view.ts";
import type { Clock } from "./surroundings.ts";
import { parseTtl } from "./ttl.ts";

/** A request for a token, as it came. */
export interface ExchangeRequest {
  /** The `Authorization` header's value. */
  readonly authorization: string | undefined;
  /** Every value of the query parameter `ttl`. */
  readonly ttl: readonly string[];
  /** Who sends it, as far as that is known before the signature is checked: its address. */
  readonly client?: string;
}

export interface ExchangeDependencies {
  readonly view: Pick<RegistryView, "findUser">;
  /** Shared with the other endpoints that take assertions. */
  readonly findSigner?: FindSigner;
  readonly clock: Clock;
  readonly audiences: Audiences;
  readonly issueToken: IssueToken;
}

/** Exchanges an assertion for a token. @throws {Refusal} with the codes of 1-contract 1.4 */
export type Exchange = (request: ExchangeRequest) => Promise<Grant>;

/**
 * The refresh story. Cheap checks come before expensive ones, and nothing but the user's keys is looked up by an unverified claim.
 */
export function createExchange({
  view,
  findSigner = createFindSigner(),
  clock,
  audiences,
  issueToken,
}: ExchangeDependencies): Exchange {
  return async (request) => {
    const nowMicroseconds = clock.nowMicroseconds();
    const assertion = parseAssertion(parseCredential(request.authorization, [ASSERTION_SCHEME]));
    const algorithm = checkHeader(assertion.unverifiedHeader);
    const claims = parseClaims(assertion.unverifiedClaims);
    checkClaims(claims, nowMicroseconds / 1e6, audiences);

    const found = view.findUser(claims.username);
    const user = found instanceof Promise ? await found : found;
    const nowMs = nowMicroseconds / 1000;
    const key = await findSigner(assertion, algorithm, user, nowMs, request.client);
    if (key === undefined) throw rejected();
    checkStanding(key, nowMs);

    return issueToken(key, nowMicroseconds, parseTtl(request.ttl));
  };
}

/** The one answer to an unknown user and to a wrong key: nobody learns which users exist. */
export function rejected(): Refusal {
  return new Refusal(
    "assertion_rejected",
    "No active key of that API user verifies the assertion's signature, or there is no such user.",
    {
      hint: "Check the username, and that the private key belongs to a public key added for it. countersign explain says more.",
    },
  );
}

/**
 * Whether a key whose signature verified may still be used. Only somebody who holds the private key learns this.
 *
 * @throws {Refusal} `key_deactivated`, `key_expired`, `user_deactivated`, `account_deactivated`
 */
export function checkStanding(key: ViewKey, nowMs: number): void {
  if (key.status !== "active") {
    const isRevoked = key.status === "revoked";
    throw new Refusal("key_deactivated", `The key that signed the assertion is ${key.status}.`, {
      hint: isRevoked
        ? "It stays off. Make a new key pair and have its public key added."
        : "Ask the administrator of this service to activate it, or to add a new key.",
    });
  }
  if (isExpired(key, nowMs)) {
    throw new Refusal("key_expired", "The key that signed the assertion is past its expiry.", {
      hint: "Make a new key pair and have its public key added.",
    });
  }
  if (key.user.status !== "active") {
    throw new Refusal("user_deactivated", "The API user is deactivated.", {
      hint: "Ask the administrator of this service to activate it.",
    });
  }
  if (key.user.accountStatus !== "active") {
    throw new Refusal("account_deactivated", "The API user's account is deactivated.", {
      hint: "Ask the administrator of this service to activate it.",
    });
  }
}
