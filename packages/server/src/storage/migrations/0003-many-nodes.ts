import { type Kysely, sql } from "kysely";

/** Live nodes, signing keys that wait for them, and tokens issued by key and hour. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table nodes (
    id text primary key,
    started_at_ms bigint not null,
    seen_at_ms bigint not null,
    version text not null,
    signing_keys text not null
  )`.execute(db);
  // Null while nodes get ready to check its tokens; keys of earlier releases signed from the start.
  await sql`alter table signing_keys add column activated_at_ms bigint`.execute(db);
  await sql`update signing_keys set activated_at_ms = created_at_ms`.execute(db);
  await sql`create table key_usage_hours (
    key_id integer not null references public_keys (id) on delete restrict,
    hour_s bigint not null,
    tokens bigint not null,
    primary key (key_id, hour_s)
  )`.execute(db);
  await sql`create index key_usage_hours_age on key_usage_hours (hour_s)`.execute(db);
}
