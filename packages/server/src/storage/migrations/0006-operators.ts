import { type Kysely, sql } from "kysely";

/** When the holder of a session last proved themselves, and how often an operator's secrets were guessed at, on all nodes together. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table operator_sessions add column authenticated_at_ms bigint not null default 0`.execute(db);
  await sql`create table sign_in_attempts (
    name_hash text primary key,
    failures integer not null,
    ends_at_ms bigint not null
  )`.execute(db);
  await sql`create index sign_in_attempts_end on sign_in_attempts (ends_at_ms)`.execute(db);
}
