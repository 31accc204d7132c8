/**
 * The OAuth 2 endpoints: the same users, keys and tokens for clients that speak RFC 6749, and the assertions with which they
 * prove themselves (RFC 7521, RFC 7523). Nothing here knows HTTP statuses or OAuth's names for errors.
 */
import { CLIENT_ASSERTION_SECONDS_MAX, JTI_CHARACTERS_MAX, SKEW_SECONDS_MAX } from "@countersign/protocol";
import {
  type Audiences,
  checkAudience,
  checkExpiry,
  checkNotAhead,
  checkNotBefore,
  describe,
  numericDate,
  own,
  parseAudience,
} from "../assertion/check-claims.ts";
import type { UnverifiedObject } from "../assertion/parse-assertion.ts";
import { Refusal } from "../refusal.ts";

/** The claims of a client's assertion, their types checked. Seconds are since the epoch and may have fractions. */
export interface UnverifiedClientClaims {
  /** The API user: both `iss` and `sub` (RFC 7523 §3, 1 and 2.B). */
  readonly clientId: string;
  readonly audience: readonly string[];
  readonly expiresAtSeconds: number;
  readonly notBeforeSeconds: number | undefined;
  readonly issuedAtSeconds: number | undefined;
  readonly jti: string;
  /** Has it a `username`, as an assertion for the exchange does? */
  readonly hasUsername: boolean;
}

/**
 * Reads the claims that RFC 7523 §3 asks for; other claims are ignored.
 *
 * @throws {Refusal} `assertion_claims`, `assertion_audience`
 */
export function parseClientClaims(claims: UnverifiedObject): UnverifiedClientClaims {
  const clientId = requiredText(claims, "sub", "the API user's name, such as api-1-demo");
  if (requiredText(claims, "iss", "the API user's name, as sub does") !== clientId) {
    throw new Refusal("assertion_claims", "The assertion's iss and sub differ.", {
      hint: "A client that authenticates itself puts its own name, the API user's, into both (RFC 7523 §3).",
    });
  }
  const jti = requiredText(claims, "jti", "a new random text for each assertion");
  if (jti.length > JTI_CHARACTERS_MAX) {
    throw new Refusal("assertion_claims", `The assertion's jti has over ${JTI_CHARACTERS_MAX} characters.`);
  }
  const expiresAtSeconds = numericDate(claims, "exp");
  if (expiresAtSeconds === undefined) {
    throw new Refusal("assertion_claims", "The assertion has no exp.", {
      hint: `Put a time at most ${CLIENT_ASSERTION_SECONDS_MAX} s ahead into the claim exp; a minute is plenty.`,
    });
  }
  const audience = parseAudience(claims);
  if (audience === undefined) {
    throw new Refusal("assertion_claims", "The assertion has no aud.", {
      hint: "Put this service's issuer, or the token endpoint's address, into the claim aud (RFC 7523 §3).",
    });
  }
  return {
    clientId,
    audience,
    expiresAtSeconds,
    notBeforeSeconds: numericDate(claims, "nbf"),
    issuedAtSeconds: numericDate(claims, "iat"),
    jti,
    hasUsername: own(claims, "username") !== undefined,
  };
}

/**
 * Holds the claims against the clock and the endpoint's names, with the same leeway of 60 s as the exchange.
 *
 * The exchange takes an assertion that has a `username` and, if it has an `aud`, one that names the public URL or the refresh
 * path and none of the OAuth endpoints. So an assertion that could pass there is refused here: one that names the refresh path,
 * and one with a `username` that names nothing but the issuer, which is the public URL.
 *
 * @throws {Refusal} `assertion_claims`, `assertion_early`, `assertion_expired`, `assertion_audience`
 */
export function checkClientClaims(claims: UnverifiedClientClaims, nowSeconds: number, audiences: Audiences): void {
  if (claims.issuedAtSeconds !== undefined) checkNotAhead(claims.issuedAtSeconds, nowSeconds);
  checkNotBefore(claims, nowSeconds);
  checkExpiry(claims, nowSeconds);
  // Leeway here as well: the bound is there for what has to be remembered, and a clock may be ahead.
  if (claims.expiresAtSeconds - nowSeconds > CLIENT_ASSERTION_SECONDS_MAX + SKEW_SECONDS_MAX) {
    throw new Refusal(
      "assertion_claims",
      `The assertion's exp is over ${CLIENT_ASSERTION_SECONDS_MAX} s ahead, the longest that is allowed.`,
      { hint: "Sign a new assertion for each request; a minute's life is plenty." },
    );
  }
  checkAudience(claims, audiences);
  const [endpoint = ""] = audiences.accepted;
  if (claims.hasUsername && !claims.audience.includes(endpoint)) {
    throw new Refusal("assertion_audience", "The assertion has a username: it is one for the exchange.", {
      hint: `Leave username out, or set aud to ${endpoint}.`,
    });
  }
}

function requiredText(claims: UnverifiedObject, name: string, what: string): string {
  const value = own(claims, name);
  if (typeof value === "string" && value !== "") return value;
  throw new Refusal("assertion_claims", `The assertion's ${name} is ${describe(value)}; a string is needed.`, {
    hint: `Put ${what} into the claim ${name} (RFC 7523 §3).`,
  });
}
