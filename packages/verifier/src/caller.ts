import type { Access } from "@countersign/protocol";

export type { Access };

/** Whose request it is. The object is frozen: one of them serves every request with the same token. */
export interface Auth {
  /** The API user, such as `api-1-demo`. */
  readonly username: string;
  readonly userId: number;
  /** Shortname of the account that the user belongs to. */
  readonly account: string;
  /** `read_only` users may use GET, HEAD and OPTIONS only. */
  readonly access: Access;
  /** The public key under which the token was minted. */
  readonly keyId: number;
  /** When the token ends, in whole seconds since the epoch; it is invalid at equality. */
  readonly expiresAt: number;
}

/**
 * Why a token was revoked, as the service's own check says it with its 403.
 *
 * A verifier only knows a reason that the change feed named, of a token that it had seen to be good: introspection gives none.
 */
export type RevocationReason = "token_revoked" | "key_deactivated" | "user_deactivated" | "account_deactivated";

/**
 * What is known of a token.
 *
 * - `active`: it is good, and this is whose it is.
 * - `inactive`: it isn't good, or not any more. With a reason, it was revoked and hasn't expired; without one, the cause is
 *   unknown.
 * - `undecided`: the service can't be asked right now. Refuse, and let the client try again.
 */
export type Verdict =
  | { readonly outcome: "active"; readonly auth: Auth }
  | { readonly outcome: "inactive"; readonly reason?: RevocationReason }
  | { readonly outcome: "undecided"; readonly retryAfterSeconds: number };

export const INACTIVE: Verdict = Object.freeze({ outcome: "inactive" });
