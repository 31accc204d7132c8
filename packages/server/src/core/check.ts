import type { Access } from "@countersign/protocol";
import type { AccountId } from "./accounts/model.ts";
import type { ApiUserId } from "./users/model.ts";
import { findKeyProblem, type KeyProblem } from "./keys/key-problem.ts";
import type { KeyId } from "./keys/model.ts";
import type { RegistryView } from "./view/view.ts";
import type { ViewKey } from "./view/view-user.ts";
import type { Clock } from "./surroundings.ts";
import type { TokenClaims } from "./token/token-codec.ts";
import { type LatestSigningKeys, type TokenDefect, verifyTokenNow } from "./token/verify-token.ts";

/** A token that is good now, and whose it is. */
export interface ActiveToken {
  readonly active: true;
  readonly username: string;
  readonly userId: ApiUserId;
  readonly account: string;
  readonly accountId: AccountId;
  readonly access: Access;
  readonly keyId: KeyId;
  /** What the token itself says: whole seconds since the epoch. */
  readonly expiresAtSeconds: number;
  /**
   * When it ends: then, or with its key if that is earlier (docs/adr/0008). Whole seconds since the epoch, rounded down; the
   * token is invalid at equality. A cache must not keep this verdict for longer.
   */
  readonly endsAtSeconds: number;
  /** Tells it apart from other tokens of its key and second. */
  readonly nonce: number;
}

/**
 * Why a token isn't good, for logs, metrics and operators. The reasons from `token_revoked` to `account_deactivated` are only
 * given for a token whose MAC is right and that hasn't expired: the check tells these to its holder too.
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
 * Checks a token. A bad token is a verdict, not an error; it comes back at once unless the store has to be asked.
 *
 * @throws {Refusal} `unavailable` where the store has to be asked and can't be
 */
export type CheckToken = (token: string) => TokenVerdict | Promise<TokenVerdict>;

/**
 * The token check, from which everything answers that needs to know whether a token is good. Of several reasons it gives the
 * first in the exchange's order (key, its expiry, user, account), and `token_revoked` last: a client whose key is off must
 * not hope for another token.
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
      // The ids are under our own MAC, so a mismatch means a store that isn't the one the token was minted on.
      if (key === undefined || key.user.id !== claims.userId) return inactive("unknown_key");
      // A token ends with its key, at the latest (docs/adr/0008).
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
