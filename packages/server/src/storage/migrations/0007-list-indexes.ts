import { type Kysely, sql } from "kysely";

/**
 * An index for each combination of what events are filtered by: account, actor and action, each if given. It holds all that such a
 * page compares, the time too, so that an engine prefers it to an index of fewer columns. Events of an actor are found one range an
 * action; where in the log a time is follows from the log's order, without an index of times.
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
