import { isExpired } from "../expiry.ts";
import type { Store } from "../store/store.ts";
import { hashSecret } from "../secret-form.ts";
import type { Clock } from "../surroundings.ts";
import { lesserGrant } from "./authorize.ts";
import type { LastSeen } from "./last-seen.ts";
import type { AdminToken, Grant, Principal } from "./model.ts";
import { ADMIN_TOKENS, SESSION_SECRETS } from "./secrets.ts";
import { adminTokenActor, isFresh, isSessionOver, operatorActor, SEEN_MS } from "./sessions.ts";

/** Identifies the caller; `undefined` if the secret is wrong or expired, or its holder is deactivated. */
export interface AuthenticatePrincipal {
  bySession(secret: string): Promise<Principal | undefined>;
  byAdminToken(token: string): Promise<Principal | undefined>;
}

/**
 * Reads the store for each request and caches nothing: a deactivation holds at once, on every node.
 *
 * While an account is deactivated, callers who are limited to it are viewers: they can see what happened, but can't prepare
 * anything for its reactivation, such as a key.
 */
export function createAuthenticatePrincipal(store: Store, clock: Clock, lastSeen: LastSeen): AuthenticatePrincipal {
  async function grantNow({ role, accountId, account }: Grant): Promise<Grant> {
    if (account === null) return { role, accountId, account };
    const isActive = (await store.accounts.find(account))?.status === "active";
    return { role: isActive ? role : "viewer", accountId, account };
  }

  /** What a token allows; of one that is bound to an operator, no more than the operator may now. `undefined`: nothing. */
  async function boundGrant(token: AdminToken): Promise<Grant | undefined> {
    if (token.operatorId === null) return token;
    const operator = await store.operators.find(token.operatorId);
    return operator?.status === "active" ? lesserGrant(token, operator) : undefined;
  }

  return {
    async bySession(secret) {
      if (!SESSION_SECRETS.hasForm(secret)) return undefined;
      const found = await store.sessions.find(hashSecret(secret));
      if (found === undefined) return undefined;
      const { operator } = found;
      const now = clock.wallMs();
      let session = lastSeen.current(found.session);
      if (operator.status !== "active" || isSessionOver(session, now)) return undefined;
      if (now - session.lastSeenAtMs >= SEEN_MS) {
        session = { ...session, lastSeenAtMs: now };
        lastSeen.noteSession(session.id, now);
      }
      return {
        kind: "operator",
        actor: operatorActor(operator),
        ...(await grantNow(operator)),
        operator,
        session,
        isFresh: isFresh(session, now),
      };
    },

    async byAdminToken(secret) {
      if (!ADMIN_TOKENS.hasForm(secret)) return undefined;
      const token = await store.adminTokens.findBySecret(hashSecret(secret));
      const now = clock.wallMs();
      if (token === undefined || !isTokenGood(token, now)) return undefined;
      const grant = await boundGrant(token);
      if (grant === undefined) return undefined;
      if (token.lastUsedAtMs === null || now - token.lastUsedAtMs >= SEEN_MS) {
        lastSeen.noteAdminToken(token.id, now);
      }
      return { kind: "admin_token", actor: adminTokenActor(token), ...(await grantNow(grant)), token };
    },
  };
}

function isTokenGood(token: AdminToken, nowMs: number): boolean {
  return token.revokedAtMs === null && !isExpired(token, nowMs);
}
