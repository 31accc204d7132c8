import { type Kysely, sql } from "kysely";

interface Engine {
  readonly runsMended: readonly string[];
}

/**
 * Lets PostgreSQL use its index of runs of three characters of usernames and display names. Nodes of the release before work on.
 *
 * @see ../../../../../docs/adr/0050-search-by-any-part.md
 */
export async function up(db: Kysely<unknown>, { runsMended }: Engine): Promise<void> {
  for (const statement of runsMended) await sql.raw(statement).execute(db);
}
