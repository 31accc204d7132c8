import { type Kysely, sql } from "kysely";

/** When a session's operator last proved their identity, and the failed sign-in attempts of each operator on all nodes together. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table operator_sessions add column authenticated_at_ms bigint not null default 0`.execute(db);
  await sql`create table sign_in_attempts (
    name_hash text primary key,
    failures integer not null,
    ends_at_ms bigint not null
  )`.execute(db);
  await sql`create index sign_in_attempts_end on sign_in_attempts (ends_at_ms)`.execute(db);
}
