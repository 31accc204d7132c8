import { type Kysely, sql } from "kysely";

/** What this migration needs to know about the engine. */
interface Engine {
  /** 16 random bytes, in hex, as SQL. */
  readonly randomId: string;
}

/** The store's id, from which its signing keys derive. Existing keys keep their old derivation. */
export async function up(db: Kysely<unknown>, { randomId }: Engine): Promise<void> {
  await sql`create table store_identity (
    one integer primary key check (one = 1),
    id text not null,
    previous_id text,
    backup_at_ms bigint,
    is_remembered integer not null default 0
  )`.execute(db);
  await sql`insert into store_identity (one, id) values (1, ${sql.raw(randomId)})`.execute(db);
}
