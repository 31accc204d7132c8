import { ASSERTION_SCHEME, REFRESH_PATH, TTL_SECONDS_DOCUMENTED_MIN, type WarningItem } from "@countersign/protocol";
import { parseCredential } from "./authorization.ts";
import { checkClaims, parseClaims } from "./assertion/check-claims.ts";
import { checkHeader, parseAssertion, type UnverifiedObject } from "./assertion/parse-assertion.ts";
import { findSigningKey } from "./assertion/verify-signature.ts";
import { Refusal } from "./refusal.ts";
import { isExpired, type KeyId } from "./registry/model.ts";
import type { RegistryView, ViewKey, ViewUser } from "./registry/view.ts";
import type { Clock, Random } from "./surroundings.ts";
import { mintToken } from "./token/mint-token.ts";
import type { SigningKeys } from "./token/signing-keys.ts";
import { parseTtl } from "./ttl.ts";

/** A request for a token, as it came. */
export interface ExchangeRequest {
  /** The `Authorization` header's value. */
  readonly authorization: string | undefined;
  /** Every value of the query parameter `ttl`. */
  readonly ttl: readonly string[];
}

/** A new token. Times are microseconds since the epoch. */
export interface Grant {
  readonly token: string;
  readonly issuedAtMicroseconds: number;
  readonly expiresAtMicroseconds: number;
  readonly ttlSeconds: number;
  readonly warnings: readonly WarningItem[];
  readonly keyId: KeyId;
}

export interface ExchangeDependencies {
  readonly view: Pick<RegistryView, "findUser">;
  readonly signingKeys: SigningKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** What an assertion's `aud` may say; see {@link exchangeAudiences}. */
  readonly audiences: ReadonlySet<string>;
  /** Told of each key that signed an accepted assertion. */
  readonly onKeyUsed: (keyId: KeyId, atMs: number) => void;
}

/** Exchanges an assertion for a token. @throws {Refusal} with the codes of 1-contract 1.4 */
export type Exchange = (request: ExchangeRequest) => Promise<Grant>;

/**
 * The refresh story. What is cheap comes before what is dear, and nothing but the user's keys is looked up by an
 * unverified claim.
 */
export function createExchange({
  view,
  signingKeys,
  clock,
  random,
  audiences,
  onKeyUsed,
}: ExchangeDependencies): Exchange {
  return async (request) => {
    const nowMicroseconds = clock.nowMicroseconds();
    const assertion = parseAssertion(parseCredential(request.authorization, [ASSERTION_SCHEME]));
    const algorithm = checkHeader(assertion.unverifiedHeader);
    const claims = parseClaims(assertion.unverifiedClaims);
    checkClaims(claims, nowMicroseconds / 1e6, audiences);

    const found = view.findUser(claims.username);
    const user = found instanceof Promise ? await found : found;
    const key = await findSigningKey(assertion, algorithm, candidateKeys(user, assertion.unverifiedHeader));
    if (key === undefined) throw rejected();
    checkStanding(key, nowMicroseconds / 1000);

    const ttlSeconds = parseTtl(request.ttl);
    const expiresAtMicroseconds = nowMicroseconds + ttlSeconds * 1e6;
    const token = mintToken(signingKeys, {
      nonce: random.uint32(),
      userId: key.user.id,
      // Rounded up: no token dies before the expires_at that its holder was promised.
      expiresAtSeconds: Math.ceil(expiresAtMicroseconds / 1e6),
      keyId: key.id,
    });
    onKeyUsed(key.id, Math.floor(nowMicroseconds / 1000));
    return {
      token,
      issuedAtMicroseconds: nowMicroseconds,
      expiresAtMicroseconds,
      ttlSeconds,
      warnings: grantWarnings(key, ttlSeconds, expiresAtMicroseconds / 1000),
      keyId: key.id,
    };
  };
}

/** The names by which an assertion's `aud` may call the exchange: the public URL and the refresh endpoint under it. */
export function exchangeAudiences(publicUrl: string): ReadonlySet<string> {
  const base = publicUrl.replace(/\/$/, "");
  return new Set([base, `${base}/`, base + REFRESH_PATH, base + REFRESH_PATH.slice(0, -1)]);
}

/**
 * The keys that may have made the signature, active ones first. A `kid` that equals the id or RFC 7638 thumbprint of one
 * of them selects it; any other `kid` is ignored.
 */
export function candidateKeys(user: ViewUser | undefined, { kid }: UnverifiedObject): readonly ViewKey[] {
  const keys = user?.keys ?? [];
  const named =
    typeof kid === "string" ? keys.find((key) => kid === key.thumbprint || kid === String(key.id)) : undefined;
  return named === undefined ? keys : [named];
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

const NO_WARNINGS: readonly WarningItem[] = [];

function grantWarnings(key: ViewKey, ttlSeconds: number, expiresAtMs: number): readonly WarningItem[] {
  const outlivesKey = key.expiresAtMs !== null && key.expiresAtMs < expiresAtMs;
  if (!outlivesKey && ttlSeconds >= TTL_SECONDS_DOCUMENTED_MIN) return NO_WARNINGS;
  const warnings: WarningItem[] = [];
  if (ttlSeconds < TTL_SECONDS_DOCUMENTED_MIN) {
    warnings.push({
      code: "ttl_below_documented_minimum",
      message: `A ttl below ${TTL_SECONDS_DOCUMENTED_MIN} s is granted, but below the documented minimum of 15 minutes.`,
    });
  }
  if (outlivesKey) {
    warnings.push({
      code: "key_expires_before_token",
      message: "The key that signed the assertion expires before the token, and the token ends with it.",
    });
  }
  return warnings;
}
