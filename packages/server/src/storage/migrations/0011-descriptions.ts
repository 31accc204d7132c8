import { type Kysely, sql } from "kysely";

/**
 * What people note about accounts and API users, and which of them are archived. What is archived is out of the lists: an index of
 * users holds either those that aren't archived or those that are, so that a list is still one range of it. A node of the release
 * before reads these lists by scanning during a rolling upgrade.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["accounts", "api_users"]) {
    await sql`alter table ${sql.ref(table)} add column description text`.execute(db);
    await sql`alter table ${sql.ref(table)} add column contact text`.execute(db);
    // The condition also keeps a node of the release before, which doesn't know what is archived, from activating it.
    await sql`alter table ${sql.ref(table)} add column archived_at_ms bigint
      check (archived_at_ms is null or status = 'deactivated')`.execute(db);
  }
  await sql`alter table api_users add column display_name text`.execute(db);
  for (const [name, columns] of USER_INDEXES) {
    const index = sql.ref(`api_users_${name}`);
    const archive = sql.ref(`api_users_archive_${name}`);
    await sql`drop index ${index}`.execute(db);
    await sql`create index ${index} on api_users (${sql.raw(columns)}) where archived_at_ms is null`.execute(db);
    await sql`create index ${archive} on api_users (${sql.raw(columns)}) where archived_at_ms is not null`.execute(db);
  }
}

const USER_INDEXES = [
  ["newest", "status, access, id"],
  ["name", "status, access, name, id"],
  ["account_newest", "account_id, status, access, id"],
  ["account_name", "account_id, status, access, name, id"],
] as const;
