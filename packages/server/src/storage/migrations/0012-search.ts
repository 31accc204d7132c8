import { type Kysely, sql } from "kysely";

interface Engine {
  readonly runsOfThree: readonly string[];
}

/**
 * Indexes of runs of three characters, in lower case as far as A to Z go: of usernames and display names, and of keys' labels. A search
 * for any part of them reads only what has all runs of that part. The engine keeps them up to date, whichever release writes.
 *
 * @see ../../../../../docs/adr/0050-search-by-any-part.md
 */
export async function up(db: Kysely<unknown>, { runsOfThree }: Engine): Promise<void> {
  for (const statement of runsOfThree) await sql.raw(statement).execute(db);
}
