import { ASSERTION_SCHEME, type AssertionAlgorithm } from "@countersign/protocol";
import {
  type Audiences,
  checkAudience,
  checkExpiry,
  checkIssuedAt,
  checkNotBefore,
  parseClaims,
  type UnverifiedClaims,
} from "./assertion/check-claims.ts";
import type { FindSigner } from "./assertion/find-signer.ts";
import { checkHeader, parseAssertion, type UnverifiedAssertion } from "./assertion/parse-assertion.ts";
import { parseCredential } from "./authorization.ts";
import type { FindSource } from "./check-source.ts";
import type { Grant, IssueToken } from "./issue-token.ts";
import type { Clock } from "./surroundings.ts";
import { parseTtl } from "./ttl.ts";
import type { RecordUserRefusal } from "./user-refusals.ts";

/** An unchecked request for a token. */
export interface ExchangeRequest {
  /** The `Authorization` header's value. */
  readonly authorization: string | undefined;
  /** Every value of the query parameter `ttl`. */
  readonly ttl: readonly string[];
  /** The client's address, its only identity before the signature is checked. */
  readonly client?: string;
  /** Without it, a user or key that is limited to networks is refused. */
  readonly findSource?: FindSource;
}

export interface ExchangeDependencies {
  /** Shared with the other endpoints that take assertions. */
  readonly findSigner: FindSigner;
  readonly clock: Clock;
  readonly audiences: Audiences;
  readonly issueToken: IssueToken;
  /** {@link runExchangeSteps} unless it is traced. */
  readonly runSteps?: typeof runExchangeSteps;
  readonly recordRefusal?: RecordUserRefusal;
}

/** Exchanges an assertion for a token. @throws {Refusal} with the codes in docs/wire.md, Exchange */
export type Exchange = (request: ExchangeRequest) => Promise<Grant>;

/** The state of one exchange. Each step of {@link EXCHANGE_STEPS} sets what later steps need. */
export class ExchangeAttempt {
  readonly authorization: string | undefined;
  readonly nowSeconds: number;
  readonly audiences: Audiences;
  credential!: string;
  assertion!: UnverifiedAssertion;
  algorithm!: AssertionAlgorithm;
  claims!: UnverifiedClaims;

  constructor(authorization: string | undefined, nowSeconds: number, audiences: Audiences) {
    this.authorization = authorization;
    this.nowSeconds = nowSeconds;
    this.audiences = audiences;
  }
}

/**
 * The checks before the signature is verified, in the order of docs/wire.md, Exchange. The exchange stops at the
 * first refusal; `explainAssertion` runs all steps.
 */
export const EXCHANGE_STEPS = {
  scheme: (attempt) => {
    attempt.credential = parseCredential(attempt.authorization, [ASSERTION_SCHEME]);
  },
  parts: (attempt) => {
    attempt.assertion = parseAssertion(attempt.credential);
  },
  header: (attempt) => {
    attempt.algorithm = checkHeader(attempt.assertion.unverifiedHeader);
  },
  claims: (attempt) => {
    attempt.claims = parseClaims(attempt.assertion.unverifiedClaims);
  },
  iat: ({ claims, nowSeconds }) => checkIssuedAt(claims, nowSeconds),
  nbf: ({ claims, nowSeconds }) => checkNotBefore(claims, nowSeconds),
  exp: ({ claims, nowSeconds }) => checkExpiry(claims, nowSeconds),
  aud: ({ claims, audiences }) => checkAudience(claims, audiences),
} as const satisfies Record<string, (attempt: ExchangeAttempt) => void>;

const STEPS = Object.values(EXCHANGE_STEPS);

/** Runs {@link EXCHANGE_STEPS}, for the endpoints that take assertions of the exchange's form. @throws {Refusal} the first */
export function runExchangeSteps(attempt: ExchangeAttempt): void {
  for (const step of STEPS) step(attempt);
}

/**
 * Makes the exchange. Cheap checks come before expensive ones, and an unverified claim is used only to look up the user's keys.
 */
export function createExchange({
  findSigner,
  clock,
  audiences,
  issueToken,
  runSteps = runExchangeSteps,
  recordRefusal,
}: ExchangeDependencies): Exchange {
  return async ({ authorization, ttl, client, findSource }) => {
    const nowMicroseconds = clock.nowMicroseconds();
    const attempt = new ExchangeAttempt(authorization, nowMicroseconds / 1e6, audiences);
    try {
      runSteps(attempt);
      const { assertion, algorithm, claims } = attempt;
      const key = await findSigner(assertion, algorithm, claims.username, nowMicroseconds / 1000, client, findSource);
      return issueToken(key, nowMicroseconds, parseTtl(ttl));
    } catch (error) {
      // An assertion without readable claims names nobody.
      if (attempt.claims !== undefined) recordRefusal?.(attempt.claims.username, error);
      throw error;
    }
  };
}
