import type { Audiences } from "../core/assertion/check-claims.ts";
import type { UnverifiedObject } from "../core/assertion/parse-jws.ts";
import { EXCHANGE_STEPS, ExchangeAttempt } from "../core/exchange.ts";

/** Runs the steps of the exchange that check the claims. @throws {Refusal} as they do */
export function checkExchangeClaims(claims: object, nowSeconds: number, audiences: Audiences): void {
  const attempt = new ExchangeAttempt(undefined, nowSeconds, audiences);
  attempt.assertion = {
    unverifiedHeader: {},
    unverifiedClaims: claims as UnverifiedObject,
    signingInput: "",
    signature: Buffer.alloc(0),
  };
  const { claims: parse, iat, nbf, exp, aud } = EXCHANGE_STEPS;
  for (const step of [parse, iat, nbf, exp, aud]) step(attempt);
}
