/**
 * OAuth 2: the same users, keys and tokens for clients that use RFC 6749, and the assertions with which they authenticate (RFC 7521,
 * RFC 7523). Nothing here knows HTTP statuses or OAuth's error codes.
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
import type { UnverifiedObject } from "../assertion/parse-jws.ts";
import { Refusal } from "../refusal.ts";

/** The claims of a client's assertion; their types are checked. Seconds are since the epoch and may have fractions. */
export interface UnverifiedClientClaims {
  /** The API user: both `iss` and `sub` (RFC 7523 §3, 1 and 2.B). */
  readonly clientId: string;
  readonly audience: readonly string[];
  readonly expiresAtSeconds: number;
  readonly notBeforeSeconds: number | undefined;
  readonly issuedAtSeconds: number | undefined;
  readonly jti: string;
  /** Does it have a `username`, like an assertion for the exchange? */
  readonly hasUsername: boolean;
}

/**
 * Reads the claims that RFC 7523 §3 requires; other claims are ignored.
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
 * Checks the claims against the clock and the endpoint's names, with the same leeway of 60 s as the exchange.
 *
 * No assertion is valid both here and at the exchange. The exchange accepts an assertion with a `username` whose `aud`, if present,
 * names the public URL or the refresh path and no OAuth endpoint. Such assertions are refused here: those that name the refresh
 * path, and those with a `username` that name only the issuer, which is the public URL.
 *
 * @throws {Refusal} `assertion_claims`, `assertion_early`, `assertion_expired`, `assertion_audience`
 */
export function checkClientClaims(claims: UnverifiedClientClaims, nowSeconds: number, audiences: Audiences): void {
  if (claims.issuedAtSeconds !== undefined) checkNotAhead(claims.issuedAtSeconds, nowSeconds);
  checkNotBefore(claims, nowSeconds);
  checkExpiry(claims, nowSeconds);
  // With leeway as well, because a clock may be ahead; the bound only limits how long an assertion must be remembered.
  if (claims.expiresAtSeconds - nowSeconds > CLIENT_ASSERTION_SECONDS_MAX + SKEW_SECONDS_MAX) {
    throw new Refusal(
      "assertion_claims",
      `The assertion's exp is more than the allowed ${CLIENT_ASSERTION_SECONDS_MAX} s ahead.`,
      { hint: "Sign a new assertion for each request; a lifetime of one minute is plenty." },
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
