import { TTL_SECONDS_DOCUMENTED_MIN, type WarningItem } from "@countersign/protocol";
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
  /** When the token ends: then, or with its key if that is earlier (docs/adr/0008). */
  readonly endsAtMicroseconds: number;
  readonly warnings: readonly WarningItem[];
  readonly keyId: KeyId;
}

/**
 * Issues a token under a key whose holder has proved itself. Nothing is stored. Comes back at once unless the store has to be
 * asked which signing key signs: under one that was retired meanwhile, the token would be dead on arrival.
 *
 * @param ttlSeconds within the bounds that `parseTtl` holds
 * @throws {Refusal} `unavailable` where the store has to be asked and can't be
 */
export type IssueToken = (key: ViewKey, nowMicroseconds: number, ttlSeconds: number) => Grant | Promise<Grant>;

/** @param onKeyUsed called with each key under which a token was issued, and the token's expiry in whole seconds since the epoch */
export function createIssueToken(
  signingKeys: Omit<LatestSigningKeys, "look">,
  random: Random,
  onKeyUsed: (keyId: KeyId, atMs: number, expiresAtSeconds: number) => void,
): IssueToken {
  function issue(key: ViewKey, nowMicroseconds: number, ttlSeconds: number): Grant {
    const expiresAtMicroseconds = nowMicroseconds + ttlSeconds * 1e6;
    // Rounded up: no token dies before the expires_at that its holder was promised.
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
      warnings: grantWarnings(key, ttlSeconds, expiresAtMicroseconds / 1000),
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
