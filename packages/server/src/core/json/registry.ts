/** The JSON of the registry, for `--json` and the admin API. Names are in snake case, times in RFC 3339. */
import type { AuditEvent } from "../feed/audit-chain.ts";
import type { Account } from "../accounts/model.ts";
import type { ApiUser } from "../users/model.ts";
import { isExpired } from "../expiry.ts";
import type { PublicKey } from "../keys/model.ts";
import type { ResourceServer } from "../resource-servers/model.ts";
import type { LiveNode } from "../signing-keys/store.ts";
import type { SigningKeyRecord } from "../signing-keys/signing-keys.ts";

/** RFC 3339 in UTC; `null` for no time. */
export function isoTime(atMs: number): string;
export function isoTime(atMs: number | null): string | null;
export function isoTime(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}

export function accountJson(account: Account) {
  const { id, shortname, name, status, description, contact } = account;
  return {
    id,
    shortname,
    name,
    status,
    created_at: isoTime(account.createdAtMs),
    key_age_max_seconds: account.keyAgeMaxSeconds,
    description,
    contact,
    archived_at: isoTime(account.archivedAtMs),
  };
}

export function userJson(user: ApiUser) {
  const { id, username, account, access, status, networks, description, contact } = user;
  return {
    id,
    username,
    account,
    access,
    status,
    created_at: isoTime(user.createdAtMs),
    may_rotate: user.mayRotate,
    networks,
    display_name: user.displayName,
    description,
    contact,
    archived_at: isoTime(user.archivedAtMs),
  };
}

/** The key's status; `expired` for an active key that has expired. */
export function shownKeyStatus(key: PublicKey, nowMs: number): PublicKey["status"] | "expired" {
  return key.status === "active" && isExpired(key, nowMs) ? "expired" : key.status;
}

export function keyJson(key: PublicKey, nowMs: number) {
  return {
    id: key.id,
    username: key.username,
    fingerprint: key.fingerprint,
    thumbprint: key.thumbprint,
    bits: key.bits,
    label: key.label,
    status: shownKeyStatus(key, nowMs),
    created_at: isoTime(key.createdAtMs),
    expires_at: isoTime(key.expiresAtMs),
    last_used_at: isoTime(key.lastUsedAtMs),
    proved_at: isoTime(key.provedAtMs),
    rotated_from: key.rotatedFrom,
    networks: key.networks,
    weakness: key.weakness,
  };
}

/** Without the secret, which only its creation shows. */
export function resourceServerJson({ clientId, name, status, previousSecret, createdAtMs }: ResourceServer) {
  return {
    client_id: clientId,
    name,
    status,
    created_at: isoTime(createdAtMs),
    previous_secret_ends_at: isoTime(previousSecret?.endsAtMs ?? null),
  };
}

export function shownSigningKeyStatus({
  activatedAtMs,
  retiredAtMs,
}: SigningKeyRecord): "active" | "waiting" | "retired" {
  if (retiredAtMs !== null) return "retired";
  return activatedAtMs === null ? "waiting" : "active";
}

export function signingKeyJson(key: SigningKeyRecord) {
  return {
    number: key.number,
    status: shownSigningKeyStatus(key),
    master_fingerprint: key.masterFingerprint,
    created_at: isoTime(key.createdAtMs),
    activated_at: isoTime(key.activatedAtMs),
    retired_at: isoTime(key.retiredAtMs),
  };
}

export function nodeJson({ id, hostName, version, startedAtMs, seenAtMs, signingKeys, feedLagMs }: LiveNode) {
  return {
    id,
    host_name: hostName,
    version,
    started_at: isoTime(startedAtMs),
    seen_at: isoTime(seenAtMs),
    signing_keys: signingKeys,
    feed_lag_seconds: feedLagMs === null ? null : feedLagMs / 1000,
  };
}

/** An event without its hashes: they are unsalted and cover all accounts' events, so a reader could guess other accounts' events. */
export function eventJsonWithoutHashes(event: AuditEvent) {
  return { ...eventJson(event), previous_hash: null, hash: null };
}

export function eventJson({ seq, atMs, actor, action, subject, details, previousHash, hash }: AuditEvent) {
  return { seq, at: isoTime(atMs), actor, action, subject, details, previous_hash: previousHash, hash };
}
