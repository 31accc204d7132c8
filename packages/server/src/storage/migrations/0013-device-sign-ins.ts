import { type Kysely, sql } from "kysely";

interface Engine {
  readonly autoIncrementId: string;
}

/**
 * Command lines that wait for an operator to sign them in, and admin tokens that are bound to an operator. A node of the release before
 * takes such a token for one that stands by itself: until the upgrade is complete, it doesn't notice that the operator's permissions
 * shrank.
 */
export async function up(db: Kysely<unknown>, { autoIncrementId }: Engine): Promise<void> {
  await sql`alter table admin_tokens add column operator_id integer references operators (id) on delete restrict`.execute(
    db,
  );
  await sql`alter table admin_tokens add column host_name text`.execute(db);
  await sql`create index admin_tokens_operator on admin_tokens (operator_id) where operator_id is not null`.execute(db);
  await sql`create table device_sign_ins (
    id ${sql.raw(autoIncrementId)},
    device_code_hash text not null unique,
    user_code_hash text not null unique,
    host_name text not null,
    address text not null,
    created_at_ms bigint not null,
    expires_at_ms bigint not null,
    decision text check (decision in ('approved', 'denied')),
    operator_id integer references operators (id) on delete restrict,
    role text check (role in ('viewer', 'admin', 'owner')),
    account_id integer references accounts (id) on delete restrict,
    life_s integer,
    check (decision is null or decision <> 'approved' or (operator_id is not null and role is not null and life_s is not null))
  )`.execute(db);
  await sql`create index device_sign_ins_expiry on device_sign_ins (expires_at_ms)`.execute(db);
}
