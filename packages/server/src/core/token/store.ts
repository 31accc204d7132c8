import type { ApiUserId } from "../users/model.ts";
import type { TokenIdentity } from "./token-identity.ts";

/** A token that was revoked, and whose it was. */
export interface RevokedToken extends TokenIdentity {
  readonly userId: ApiUserId;
}

/** The deny-list, as the store reads it outside of changes. */
export interface RevokedTokenStore {
  has(token: TokenIdentity): Promise<boolean>;
  /** The deny-list without what expired before `fromSeconds`, in parts of at most `limit`; each call takes the last part's `next`. */
  list(
    fromSeconds: number,
    after: number,
    limit: number,
  ): Promise<{ readonly tokens: readonly RevokedToken[]; readonly next: number }>;
}

/** The deny-list within a change. */
export interface RevokedTokenTransaction {
  /** Tokens of the user on the deny-list that haven't expired; counted up to `max`. */
  count(userId: ApiUserId, nowSeconds: number, max: number): Promise<number>;
  /** @returns whether the token wasn't on the deny-list yet */
  insert(token: RevokedToken): Promise<boolean>;
}
