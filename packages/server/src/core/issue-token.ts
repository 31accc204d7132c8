import { TTL_SECONDS_DOCUMENTED_MIN, type WarningItem } from "@countersign/protocol";
import type { KeyId } from "./registry/model.ts";
import type { ViewKey } from "./registry/view.ts";
import type { Random } from "./surroundings.ts";
import { mintToken } from "./token/mint-token.ts";
import type { SigningKeys } from "./token/signing-keys.ts";

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
 * Issues a token under a key whose holder has proved itself. Nothing is stored.
 *
 * @param ttlSeconds within the bounds that `parseTtl` holds
 */
export type IssueToken = (key: ViewKey, nowMicroseconds: number, ttlSeconds: number) => Grant;

/** @param onKeyUsed told of each key under which a token was issued */
export function createIssueToken(
  signingKeys: SigningKeys,
  random: Random,
  onKeyUsed: (keyId: KeyId, atMs: number) => void,
): IssueToken {
  return (key, nowMicroseconds, ttlSeconds) => {
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
      endsAtMicroseconds: Math.min(expiresAtMicroseconds, (key.expiresAtMs ?? Number.POSITIVE_INFINITY) * 1000),
      warnings: grantWarnings(key, ttlSeconds, expiresAtMicroseconds / 1000),
      keyId: key.id,
    };
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
