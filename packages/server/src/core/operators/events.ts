import type { AdminToken, Invitation, Operator } from "./model.ts";

/** The members that name an operator in its events. No event holds a secret, or the hash of one. */
export function ofOperator({ id, email, accountId }: Pick<Operator, "id" | "email" | "accountId">) {
  return { operatorId: id, email, accountId };
}

/** The members of an invitation's events. */
export function ofInvitation({ id, kind, email, role, account, accountId, expiresAtMs }: Invitation) {
  return { invitationId: id, kind, email, role, account, expiresAtMs, accountId };
}

/** The members of an admin token's events. */
export function ofAdminToken(token: AdminToken) {
  const { id, name, role, account, accountId, expiresAtMs, operatorEmail, hostName } = token;
  return {
    adminTokenId: id,
    name,
    role,
    account,
    expiresAtMs,
    accountId,
    ...(operatorEmail !== null && { operator: operatorEmail }),
    ...(hostName !== null && { hostName }),
  };
}
