import { type Kysely, sql } from "kysely";

/** The machine on which each node runs, so that an operator knows which one is meant. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table nodes add column host_name text`.execute(db);
}
