/** The JSON of operators and what belongs to them, for `--json` and the admin API. It never holds a secret or a hash. */
import type {
  AdminToken,
  DeviceSignIn,
  Invitation,
  Operator,
  Passkey,
  Session,
  SessionId,
} from "../operators/model.ts";
import { sessionEnds } from "../operators/sessions.ts";
import { isExpired } from "../expiry.ts";
import { isoTime } from "./registry.ts";

export function operatorJson({ id, email, role, account, status, federated, ...times }: Operator) {
  return {
    id,
    email,
    role,
    account,
    status,
    single_sign_on: federated !== null,
    created_at: isoTime(times.createdAtMs),
    last_signed_in_at: isoTime(times.lastSignedInAtMs),
  };
}

/** @param current the caller's session */
export function sessionJson(session: Session, current: SessionId | undefined) {
  const { idleEndsAtMs, endsAtMs } = sessionEnds(session);
  return {
    id: session.id,
    current: session.id === current,
    method: session.method,
    user_agent: session.userAgent,
    address: session.address,
    created_at: isoTime(session.createdAtMs),
    authenticated_at: session.authenticatedAtMs === 0 ? null : isoTime(session.authenticatedAtMs),
    last_seen_at: isoTime(session.lastSeenAtMs),
    idle_ends_at: isoTime(idleEndsAtMs),
    ends_at: isoTime(endsAtMs),
  };
}

export function passkeyJson({ id, label, createdAtMs, lastUsedAtMs }: Passkey) {
  return { id, label, created_at: isoTime(createdAtMs), last_used_at: isoTime(lastUsedAtMs) };
}

export function invitationJson({ id, kind, email, role, account, createdBy, createdAtMs, expiresAtMs }: Invitation) {
  return {
    id,
    kind,
    email,
    role,
    account,
    created_by: createdBy,
    created_at: isoTime(createdAtMs),
    expires_at: isoTime(expiresAtMs),
  };
}

/** The name that the creator chose, without the account, which is a field of its own. */
export function ownTokenName({ name }: Pick<AdminToken, "name">): string {
  return name.slice(name.indexOf("/") + 1);
}

export function shownAdminTokenStatus(token: AdminToken, nowMs: number): "active" | "expired" | "revoked" {
  if (token.revokedAtMs !== null) return "revoked";
  return isExpired(token, nowMs) ? "expired" : "active";
}

export function adminTokenJson(token: AdminToken, nowMs: number) {
  return {
    id: token.id,
    name: ownTokenName(token),
    role: token.role,
    account: token.account,
    status: shownAdminTokenStatus(token, nowMs),
    created_by: token.createdBy,
    created_at: isoTime(token.createdAtMs),
    expires_at: isoTime(token.expiresAtMs),
    last_used_at: isoTime(token.lastUsedAtMs),
    operator: token.operatorEmail,
    host_name: token.hostName,
  };
}

/** A command line that waits for an operator, as they see it. */
export function deviceSignInJson({ hostName, address, createdAtMs, expiresAtMs }: DeviceSignIn) {
  return {
    host_name: hostName,
    address,
    created_at: isoTime(createdAtMs),
    expires_at: isoTime(expiresAtMs),
  };
}

/** A command line that an operator signed in; none for a token that only belongs to one. */
export function commandLineJson(token: AdminToken) {
  const { id, name, hostName, role, account, createdAtMs, expiresAtMs, lastUsedAtMs } = token;
  if (hostName === null) return [];
  return {
    id,
    name,
    host_name: hostName,
    role,
    account,
    created_at: isoTime(createdAtMs),
    expires_at: isoTime(expiresAtMs),
    last_used_at: isoTime(lastUsedAtMs),
  };
}
