import { type Kysely, sql } from "kysely";

/** Resource servers, individually revoked tokens, and the assertions that OAuth clients have used. */
export async function up(db: Kysely<unknown>, engine: { autoIncrementId: string }): Promise<void> {
  const id = sql.raw(engine.autoIncrementId);
  await sql`create table resource_servers (
    id ${id},
    name text not null unique,
    status text not null check (status in ('active', 'deactivated')),
    secret_hash text not null,
    previous_secret_hash text,
    previous_secret_ends_at_ms bigint,
    created_at_ms bigint not null
  )`.execute(db);
  // These numbers lack the MAC, so no token can be made from them.
  await sql`create table revoked_tokens (
    id ${id},
    user_id integer not null references api_users (id) on delete restrict,
    key_id bigint not null,
    nonce bigint not null,
    expires_at_s bigint not null,
    unique (key_id, nonce, expires_at_s)
  )`.execute(db);
  await sql`create index revoked_tokens_user on revoked_tokens (user_id, expires_at_s)`.execute(db);
  await sql`create index revoked_tokens_expiry on revoked_tokens (expires_at_s)`.execute(db);
  await sql`create table used_assertions (
    id ${id},
    user_id integer not null references api_users (id) on delete restrict,
    jti_hash text not null,
    expires_at_s bigint not null,
    unique (user_id, jti_hash)
  )`.execute(db);
  await sql`create index used_assertions_expiry on used_assertions (expires_at_s)`.execute(db);
}
