import type { Access } from "@countersign/protocol";
import type { AccountId } from "./accounts/model.ts";
import type { NetworkLimit } from "./check-source.ts";
import type { ApiUserId } from "./users/model.ts";
import { findKeyProblem, type KeyProblem } from "./keys/key-problem.ts";
import type { KeyId } from "./keys/model.ts";
import type { RegistryView } from "./view/view.ts";
import type { ViewKey } from "./view/view-user.ts";
import type { Clock } from "./surroundings.ts";
import type { TokenClaims } from "./token/token-codec.ts";
import { type LatestSigningKeys, type TokenDefect, verifyTokenNow } from "./token/verify-token.ts";

/** An active token and its API user. */
export interface ActiveToken {
  readonly active: true;
  readonly username: string;
  readonly userId: ApiUserId;
  readonly account: string;
  readonly accountId: AccountId;
  readonly access: Access;
  readonly keyId: KeyId;
  /** The token's own expiry, in whole seconds since the epoch. */
  readonly expiresAtSeconds: number;
  /**
   * The earlier of the token's expiry and its key's (docs/adr/0008), in whole seconds since the epoch, rounded down. The token is
   * inactive at equality. A cache must not keep this verdict for longer.
   */
  readonly endsAtSeconds: number;
  /** Distinguishes tokens of the same key and second. */
  readonly nonce: number;
  /** The networks that the token may be used from. The verdict ignores them: only some callers know the client's address. */
  readonly limits: readonly NetworkLimit[];
}

/**
 * Why a token is inactive, for logs, metrics and operators. `token_revoked` and the problems of keys are reported only for a genuine
 * token that hasn't expired; these the check tells the token's holder too.
 */
export type InactiveReason = TokenDefect | "expired" | "unknown_key" | "token_revoked" | KeyProblem;

export interface InactiveToken {
  readonly active: false;
  readonly reason: InactiveReason;
}

export type TokenVerdict = ActiveToken | InactiveToken;

export interface CheckDependencies {
  readonly view: Pick<RegistryView, "findKey" | "isTokenRevoked">;
  readonly signingKeys: LatestSigningKeys;
  readonly clock: Clock;
}

/**
 * Checks a token. An inactive token is a verdict, not an error. The result is a promise only if the store must be read.
 *
 * @throws {Refusal} `unavailable` if the store must be read and can't be
 */
export type CheckToken = (token: string) => TokenVerdict | Promise<TokenVerdict>;

/**
 * Makes the token check, which decides for every endpoint whether a token is active. Of several reasons it reports the first in the
 * exchange's order (key, its expiry, user, account). `token_revoked` comes last, because it suggests that the client can get a new
 * token.
 */
export function createCheckToken({ view, signingKeys, clock }: CheckDependencies): CheckToken {
  return (token) => {
    const claims = verifyTokenNow(signingKeys, token);
    return claims instanceof Promise ? claims.then(judgeClaims) : judgeClaims(claims);
  };

  function judgeClaims(claims: TokenClaims | TokenDefect): TokenVerdict | Promise<TokenVerdict> {
    if (typeof claims === "string") return inactive(claims);
    const nowMs = clock.wallMs();
    if (claims.expiresAtSeconds * 1000 <= nowMs) return inactive("expired");

    const judge = (key: ViewKey | undefined, isRevoked: boolean): TokenVerdict => {
      // The MAC protects the ids, so a mismatch means that the token was minted on another store.
      if (key === undefined || key.user.id !== claims.userId) return inactive("unknown_key");
      // A token ends with its key at the latest (docs/adr/0008).
      const reason = findKeyProblem(key, nowMs);
      if (reason !== undefined) return inactive(reason);
      if (isRevoked) return inactive("token_revoked");
      const { username, id: userId, account, accountId, access } = key.user;
      const { expiresAtSeconds, nonce } = claims;
      const endsAtSeconds =
        key.expiresAtMs === null ? expiresAtSeconds : Math.min(expiresAtSeconds, Math.floor(key.expiresAtMs / 1000));
      return {
        active: true,
        username,
        userId,
        account,
        accountId,
        access,
        keyId: key.id,
        expiresAtSeconds,
        endsAtSeconds,
        nonce,
        limits: key.limits,
      };
    };
    const key = view.findKey(claims.keyId as KeyId);
    const isRevoked = view.isTokenRevoked(claims);
    if (key instanceof Promise || isRevoked instanceof Promise) {
      return Promise.all([key, isRevoked]).then(([lateKey, late]) => judge(lateKey, late));
    }
    return judge(key, isRevoked);
  }
}

function inactive(reason: InactiveReason): InactiveToken {
  return { active: false, reason };
}
