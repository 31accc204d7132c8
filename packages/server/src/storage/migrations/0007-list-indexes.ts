import { type Kysely, sql } from "kysely";

/**
 * An index for each combination of event filters: account, actor and action. It holds every column that such a page compares,
 * including the time, so that an engine prefers it to a narrower index. An actor's events are read as one range for each action. A
 * time is located through the log's order, so it needs no index.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const name of ["actor", "account_actor", "account_action", "time"]) {
    await sql`drop index ${sql.ref(`audit_events_${name}`)}`.execute(db);
  }
  await sql`create index audit_events_actor_action on audit_events (actor, action, seq, at_ms)`.execute(db);
  await sql`create index audit_events_account_action on audit_events (account_id, action, seq, at_ms)`.execute(db);
  await sql`create index audit_events_account_actor_action
    on audit_events (account_id, actor, action, seq, at_ms)`.execute(db);
}
