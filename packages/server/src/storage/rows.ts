import type { Kysely, Selectable } from "kysely";
import type { ListedAccount } from "../core/accounts/store.ts";
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import type { Account, AccountId } from "../core/accounts/model.ts";
import type { ApiUser, ApiUserId } from "../core/users/model.ts";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import type { ResourceServer, ResourceServerId } from "../core/resource-servers/model.ts";
import type { RevokedToken } from "../core/token/store.ts";
import { canBeStored } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** Converts rows to the domain's types. */

export function selectUsers(db: Kysely<Database>) {
  return db
    .selectFrom("api_users")
    .innerJoin("accounts", "accounts.id", "api_users.account_id")
    .selectAll("api_users")
    .select(["accounts.shortname as account", "accounts.status as account_status"]);
}

export function selectKeys(db: Kysely<Database>) {
  return db
    .selectFrom("public_keys")
    .innerJoin("api_users", "api_users.id", "public_keys.user_id")
    .leftJoin("key_usage", "key_usage.key_id", "public_keys.id")
    .selectAll("public_keys")
    .select(["api_users.username", "key_usage.last_used_at_ms"]);
}

export async function findAccount(db: Kysely<Database>, shortname: string): Promise<Account | undefined> {
  const row = await findAccountRow(db, shortname);
  return row && toAccount(row);
}

export async function findListedAccount(db: Kysely<Database>, shortname: string): Promise<ListedAccount | undefined> {
  const row = await findAccountRow(db, shortname);
  return row && toListedAccount(row);
}

async function findAccountRow(db: Kysely<Database>, shortname: string) {
  if (!canBeStored(shortname)) return undefined;
  return db.selectFrom("accounts").selectAll().where("shortname", "=", shortname).executeTakeFirst();
}

export async function findResourceServer(db: Kysely<Database>, name: string): Promise<ResourceServer | undefined> {
  if (!canBeStored(name)) return undefined;
  const row = await db.selectFrom("resource_servers").selectAll().where("name", "=", name).executeTakeFirst();
  return row && toResourceServer(row);
}

type UserRow = Awaited<ReturnType<ReturnType<typeof selectUsers>["executeTakeFirstOrThrow"]>>;
type KeyRow = Awaited<ReturnType<ReturnType<typeof selectKeys>["executeTakeFirstOrThrow"]>>;

export function toAccount(row: {
  id: number;
  shortname: string;
  name: string;
  status: Account["status"];
  created_at_ms: number;
  key_age_max_s: number | null;
  description: string | null;
  contact: string | null;
  archived_at_ms: number | null;
}): Account {
  const { shortname, name, status, description, contact } = row;
  return {
    id: row.id as AccountId,
    shortname,
    name,
    status,
    createdAtMs: row.created_at_ms,
    keyAgeMaxSeconds: row.key_age_max_s,
    description,
    contact,
    archivedAtMs: row.archived_at_ms,
  };
}

export function toListedAccount(row: Selectable<Database["accounts"]>): ListedAccount {
  return { ...toAccount(row), users: row.users };
}

export function toUser(row: UserRow): ApiUser {
  const { account, username, access, status, description, contact } = row;
  return {
    id: row.id as ApiUserId,
    accountId: row.account_id as AccountId,
    account,
    username,
    access,
    status,
    createdAtMs: row.created_at_ms,
    mayRotate: row.may_rotate === 1,
    networks: toList(row.networks),
    displayName: row.display_name,
    description,
    contact,
    archivedAtMs: row.archived_at_ms,
  };
}

export function toKey(row: KeyRow): PublicKey {
  const { username, fingerprint, thumbprint, bits, spki, label, status, weakness } = row;
  return {
    id: row.id as KeyId,
    userId: row.user_id as ApiUserId,
    username,
    fingerprint,
    thumbprint,
    modulusHash: row.modulus_hash,
    bits,
    spki,
    label,
    status,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    idleSinceDay: row.idle_since_day,
    provedAtMs: row.proved_at_ms,
    rotatedFrom: row.rotated_from as KeyId | null,
    networks: toList(row.networks),
    weakness,
  };
}

/** The members of a column that joins them by commas. */
export function toList(column: string | null): readonly string[] {
  return column === null ? [] : column.split(",");
}

/** The column of these members; null if there are none. */
export function fromList(members: readonly string[]): string | null {
  return members.length === 0 ? null : members.join(",");
}

export function toResourceServer(row: Selectable<Database["resource_servers"]>): ResourceServer {
  const { name, status, secret_hash: secretHash, previous_secret_hash: hash, previous_secret_ends_at_ms: ends } = row;
  return {
    id: row.id as ResourceServerId,
    clientId: `rs-${row.id}`,
    name,
    status,
    secretHash,
    previousSecret: hash === null || ends === null ? null : { hash, endsAtMs: ends },
    createdAtMs: row.created_at_ms,
  };
}

export function toRevokedToken(row: Selectable<Database["revoked_tokens"]>): RevokedToken {
  const { key_id: keyId, nonce, expires_at_s: expiresAtSeconds } = row;
  return { userId: row.user_id as ApiUserId, keyId, nonce, expiresAtSeconds };
}

/** Converts a row of the audit log. */
export function toEvent(row: Database["audit_events"]): AuditEvent {
  return {
    seq: row.seq,
    atMs: row.at_ms,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    details: readDetails(row.details),
    previousHash: row.previous_hash,
    hash: row.hash,
    ...(row.account_id !== null && { accountId: row.account_id as AccountId }),
  };
}

/** Details that aren't JSON were tampered with. The value that replaces them won't match the row's hash. */
function readDetails(json: string): AuditEvent["details"] {
  try {
    return JSON.parse(json) as AuditEvent["details"];
  } catch {
    return { unreadable: true };
  }
}
