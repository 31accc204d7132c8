import { toRow } from "../feed/event.ts";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { ViewUser } from "../view/view-user.ts";
import type { Clock } from "../surroundings.ts";
import type { TokenClaims } from "../token/token-codec.ts";
import { formatTokenId } from "../token/token-identity.ts";
import { type LatestSigningKeys, verifyTokenNow } from "../token/verify-token.ts";
import type { AuthenticateClient, ClientCredentials } from "./authenticate-client.ts";

/** How many of a user's tokens may be on the deny-list at a time. It bounds the memory for each user. */
export const REVOKED_TOKENS_PER_USER_MAX = 1000;

export interface RevocationRequest extends ClientCredentials {
  readonly token: string | undefined;
}

/**
 * Revokes one token (RFC 7009). When the promise resolves, the token is inactive on this node, and within 100 ms on the others.
 * Revoking an inactive token succeeds too (§2.2).
 *
 * @throws {Refusal}
 */
export type RevokeToken = (request: RevocationRequest) => Promise<void>;

export interface RevokeTokenDependencies {
  readonly authenticateClient: AuthenticateClient;
  readonly signingKeys: LatestSigningKeys;
  readonly store: Pick<Store, "transaction">;
  readonly clock: Clock;
  /** Awaited after the commit and before the answer. When it resolves, the token is inactive on this node. */
  readonly onChanged: () => Promise<void>;
}

export function createRevokeToken(dependencies: RevokeTokenDependencies): RevokeToken {
  const { authenticateClient, signingKeys, store, clock, onChanged } = dependencies;

  /** Changes nothing if the token was revoked before. */
  function revoke({ id: userId, username, accountId }: ViewUser, token: TokenClaims): Promise<void> {
    const atMs = clock.wallMs();
    return store.transaction(async (transaction) => {
      const { keyId, nonce, expiresAtSeconds } = token;
      if (!(await transaction.revokedTokens.insert({ userId, keyId, nonce, expiresAtSeconds }))) return;
      // The exception rolls the insert back.
      const live = await transaction.revokedTokens.count(userId, atMs / 1000, REVOKED_TOKENS_PER_USER_MAX + 1);
      if (live > REVOKED_TOKENS_PER_USER_MAX) {
        throw new Refusal(
          "rate_limited",
          `This client already has ${REVOKED_TOKENS_PER_USER_MAX} revoked tokens that haven't expired, the maximum.`,
          { hint: "To end all of the client's tokens, have its key deactivated.", retryAfterSeconds: 60 },
        );
      }
      const event = { action: "token.revoked", jti: formatTokenId(token), username, keyId, accountId } as const;
      await transaction.events.append({ atMs, actor: `client:${username}`, ...toRow(event) });
    });
  }

  return async (request) => {
    const client = await authenticateClient(request);
    const { key, nowMicroseconds } = client;
    if (request.token === undefined) throw new Refusal("bad_request", "The request has no token.");
    // The token's signing key may be new to this node. Treating the token as unknown would lose the revocation.
    const token = await verifyTokenNow(signingKeys, request.token);
    const isLive = typeof token === "object" && token.expiresAtSeconds * 1000 > nowMicroseconds / 1000;
    if (isLive && token.userId !== key.user.id) {
      throw new Refusal("token_foreign", "The token was issued to another client.", {
        hint: "A client can revoke its own tokens only.",
      });
    }
    await client.useUpAssertion();
    if (!isLive) return;
    try {
      await revoke(key.user, token);
      // Needed even if it was revoked before: another node may have done so, in an event that this node hasn't read yet.
      await onChanged();
    } catch (cause) {
      if (cause instanceof Refusal) throw cause;
      throw new Refusal("unavailable", "The token can't be revoked right now.", { cause, retryAfterSeconds: 1 });
    }
  };
}
