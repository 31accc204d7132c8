import { type Kysely, sql } from "kysely";

/** Accounts, API users, public keys, signing keys, and the audit log. */
export async function up(db: Kysely<unknown>, engine: { autoIncrementId: string; binary: string }): Promise<void> {
  // AUTOINCREMENT (or an identity column): an id isn't reused, even if the newest row is deleted.
  const id = sql.raw(engine.autoIncrementId);
  const binary = sql.raw(engine.binary);
  await sql`create table accounts (
    id ${id},
    shortname text not null unique,
    name text not null,
    status text not null check (status in ('active', 'deactivated')),
    created_at_ms bigint not null
  )`.execute(db);
  await sql`create table api_users (
    id ${id},
    account_id integer not null references accounts (id) on delete restrict,
    username text not null unique,
    access text not null check (access in ('full', 'read_only')),
    status text not null check (status in ('active', 'deactivated')),
    created_at_ms bigint not null
  )`.execute(db);
  await sql`create index api_users_account on api_users (account_id)`.execute(db);
  await sql`create table public_keys (
    id ${id},
    user_id integer not null references api_users (id) on delete restrict,
    fingerprint text not null,
    thumbprint text not null,
    bits integer not null,
    spki ${binary} not null,
    label text,
    status text not null check (status in ('active', 'deactivated', 'revoked')),
    created_at_ms bigint not null,
    expires_at_ms bigint,
    unique (user_id, thumbprint)
  )`.execute(db);
  await sql`create index public_keys_thumbprint on public_keys (thumbprint)`.execute(db);
  await sql`create table key_usage (
    key_id integer primary key references public_keys (id) on delete restrict,
    last_used_at_ms bigint not null
  )`.execute(db);
  await sql`create table signing_keys (
    number bigint primary key check (number between 1 and 4294967295),
    master_fingerprint text not null,
    created_at_ms bigint not null,
    retired_at_ms bigint
  )`.execute(db);
  await sql`create table audit_events (
    seq bigint primary key,
    at_ms bigint not null,
    actor text not null,
    action text not null,
    subject text not null,
    details text not null,
    previous_hash text not null,
    hash text not null
  )`.execute(db);
}
