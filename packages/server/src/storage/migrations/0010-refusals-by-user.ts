import { type Kysely, sql } from "kysely";

/** Which refusals an API user's client meets, by the hour; and how far behind each node's view of the change feed is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table user_refusal_hours (
    user_id integer not null references api_users (id) on delete restrict,
    hour_s bigint not null,
    code text not null,
    refusals bigint not null,
    primary key (user_id, hour_s, code)
  )`.execute(db);
  await sql`create index user_refusal_hours_hour on user_refusal_hours (hour_s)`.execute(db);
  await sql`alter table nodes add column feed_lag_ms bigint`.execute(db);
}
