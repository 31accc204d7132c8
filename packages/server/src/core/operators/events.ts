import type { UnchainedEvent } from "../feed/audit-chain.ts";
import type { AuditAction } from "../feed/event.ts";
import type { AdminToken, Invitation, Operator } from "./model.ts";

/** Something that happened to an operator. Details never hold a secret, nor a hash of one. */
export function operatorEvent(
  atMs: number,
  actor: string,
  action: AuditAction,
  { id, email, accountId }: Pick<Operator, "id" | "email" | "accountId">,
  details: UnchainedEvent["details"] = {},
): UnchainedEvent {
  return {
    atMs,
    actor,
    action,
    subject: `operator:${id}`,
    details: { email, ...details },
    accountId: accountId ?? undefined,
  };
}

export function invitationEvent(
  atMs: number,
  actor: string,
  action: "invitation.created" | "invitation.withdrawn",
  { id, kind, email, role, account, accountId, expiresAtMs }: Invitation,
): UnchainedEvent {
  return {
    atMs,
    actor,
    action,
    subject: `invitation:${id}`,
    details: { kind, email, role, account, expires_at_ms: expiresAtMs },
    accountId: accountId ?? undefined,
  };
}

export function adminTokenEvent(
  atMs: number,
  actor: string,
  action: "admin_token.created" | "admin_token.revoked",
  { id, name, role, account, accountId, expiresAtMs }: AdminToken,
): UnchainedEvent {
  return {
    atMs,
    actor,
    action,
    subject: `admin_token:${id}`,
    details: { name, role, account, expires_at_ms: expiresAtMs },
    accountId: accountId ?? undefined,
  };
}
