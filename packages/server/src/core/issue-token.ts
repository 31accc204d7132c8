import { KEY_EXPIRES_SOON_SECONDS, TTL_SECONDS_DOCUMENTED_MIN, type WarningItem } from "@countersign/protocol";
import type { KeyId } from "./keys/model.ts";
import type { ViewKey } from "./view/view-user.ts";
import type { Random } from "./surroundings.ts";
import { mintToken } from "./token/mint-token.ts";
import type { LatestSigningKeys } from "./token/verify-token.ts";

/** A new token. Times are microseconds since the epoch. */
export interface Grant {
  readonly token: string;
  readonly issuedAtMicroseconds: number;
  readonly expiresAtMicroseconds: number;
  readonly ttlSeconds: number;
  /** The earlier of the token's expiry and its key's (docs/adr/0008). */
  readonly endsAtMicroseconds: number;
  readonly warnings: readonly WarningItem[];
  readonly keyId: KeyId;
}

/**
 * Issues a token under a key whose holder has authenticated. Nothing is stored. The result is a promise only if the store must be
 * read to find the current signing key: a token signed with a retired one would be inactive immediately.
 *
 * @param ttlSeconds within the bounds of `parseTtl`
 * @throws {Refusal} `unavailable` if the store must be read and can't be
 */
export type IssueToken = (key: ViewKey, nowMicroseconds: number, ttlSeconds: number) => Grant | Promise<Grant>;

/** @param onKeyUsed called with each key under which a token was issued, and the token's expiry in whole seconds since the epoch */
export function createIssueToken(
  signingKeys: Omit<LatestSigningKeys, "readUnknown">,
  random: Random,
  onKeyUsed: (keyId: KeyId, atMs: number, expiresAtSeconds: number) => void,
): IssueToken {
  function issue(key: ViewKey, nowMicroseconds: number, ttlSeconds: number): Grant {
    const expiresAtMicroseconds = nowMicroseconds + ttlSeconds * 1e6;
    // Rounded up, so that no token ends before the expires_at in the client's answer.
    const expiresAtSeconds = Math.ceil(expiresAtMicroseconds / 1e6);
    const token = mintToken(signingKeys, {
      nonce: random.uint32(),
      userId: key.user.id,
      expiresAtSeconds,
      keyId: key.id,
    });
    onKeyUsed(key.id, Math.floor(nowMicroseconds / 1000), expiresAtSeconds);
    return {
      token,
      issuedAtMicroseconds: nowMicroseconds,
      expiresAtMicroseconds,
      ttlSeconds,
      endsAtMicroseconds: Math.min(expiresAtMicroseconds, (key.expiresAtMs ?? Number.POSITIVE_INFINITY) * 1000),
      warnings: grantWarnings(key, ttlSeconds, nowMicroseconds / 1000),
      keyId: key.id,
    };
  }

  return (key, nowMicroseconds, ttlSeconds) => {
    const notReady = signingKeys.ready?.();
    if (notReady !== undefined) return notReady.then(() => issue(key, nowMicroseconds, ttlSeconds));
    return issue(key, nowMicroseconds, ttlSeconds);
  };
}

const NO_WARNINGS: readonly WarningItem[] = [];

function grantWarnings(
  { expiresAtMs: keyExpiresAtMs }: ViewKey,
  ttlSeconds: number,
  issuedAtMs: number,
): readonly WarningItem[] {
  // A key that ends before its token expires soon, too: a token lives 12 hours at most.
  const expiresSoon = keyExpiresAtMs !== null && keyExpiresAtMs <= issuedAtMs + KEY_EXPIRES_SOON_SECONDS * 1000;
  if (!expiresSoon && ttlSeconds >= TTL_SECONDS_DOCUMENTED_MIN) return NO_WARNINGS;
  const warnings: WarningItem[] = [];
  if (ttlSeconds < TTL_SECONDS_DOCUMENTED_MIN) {
    warnings.push({
      code: "ttl_below_documented_minimum",
      message: `A ttl below ${TTL_SECONDS_DOCUMENTED_MIN} s is granted, but below the documented minimum of 15 minutes.`,
    });
  }
  if (expiresSoon) {
    if (keyExpiresAtMs < issuedAtMs + ttlSeconds * 1000) {
      warnings.push({
        code: "key_expires_before_token",
        message: "The key that signed the assertion expires before the token, and the token ends with it.",
      });
    }
    warnings.push({
      code: "key_expires_soon",
      message: `The key that signed the assertion expires at ${new Date(keyExpiresAtMs).toISOString()}; replace it before.`,
    });
  }
  return warnings;
}
