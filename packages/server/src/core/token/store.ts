import type { ApiUserId } from "../users/model.ts";
import type { TokenIdentity } from "./token-identity.ts";

/** A revoked token and its user. */
export interface RevokedToken extends TokenIdentity {
  readonly userId: ApiUserId;
}

/** Reads the deny-list outside of transactions. */
export interface RevokedTokenStore {
  has(token: TokenIdentity): Promise<boolean>;
  /** A part of the deny-list, at most `limit` tokens, without those that expired before `fromSeconds`. `after` is 0 or the last part's `next`. */
  list(
    fromSeconds: number,
    after: number,
    limit: number,
  ): Promise<{ readonly tokens: readonly RevokedToken[]; readonly next: number }>;
}

/** Reads and writes the deny-list in a transaction. */
export interface RevokedTokenTransaction {
  /** Counts the user's unexpired tokens on the deny-list, up to `max`. */
  count(userId: ApiUserId, nowSeconds: number, max: number): Promise<number>;
  /** Adds a token. @returns whether it wasn't on the deny-list yet */
  insert(token: RevokedToken): Promise<boolean>;
}
