/**
 * Runs of three characters in SQLite: FTS5 with its trigram tokenizer (sqlite.org/fts5, "The Trigram Tokenizer"). The tables hold no
 * text, and of each run only the rows that have it. Triggers keep them up to date, so a node of an earlier release does so, too.
 */
import { type RawBuilder, sql } from "kysely";

const INDEXES = {
  users: {
    table: "api_users",
    columns: "username, display_name",
    text: (row: string) => `lower(${row}.username || char(10) || coalesce(${row}.display_name, ''))`,
  },
  // Most keys have no label, and no row here.
  labels: { table: "public_keys", columns: "label", text: (row: string) => `lower(${row}.label)` },
} as const;

/** What the migration 0012-search runs; it never changes. */
export const CREATE_RUNS: readonly string[] = Object.values(INDEXES).flatMap(({ table, columns, text }) => {
  const index = `${table}_search`;
  const insert = `insert into ${index} (rowid, text) select new.id, ${text("new")} where ${text("new")} is not null`;
  const remove = `delete from ${index} where rowid = old.id`;
  return [
    `create virtual table ${index} using fts5 (text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1')`,
    `insert into ${index} (rowid, text) select id, ${text(table)} from ${table} where ${text(table)} is not null`,
    `create trigger ${index}_insert after insert on ${table} when ${text("new")} is not null begin ${insert}; end`,
    `create trigger ${index}_update after update of ${columns} on ${table}
       when ${text("old")} is not ${text("new")} begin ${remove}; ${insert}; end`,
    `create trigger ${index}_delete after delete on ${table} when ${text("old")} is not null begin ${remove}; end`,
  ];
});

export function idsWithRuns(of: keyof typeof INDEXES, runs: readonly string[]): RawBuilder<unknown> {
  // A hidden column of this name stands for all others of the table.
  const index = sql.ref(`${INDEXES[of].table}_search`);
  // Each run is a string of its own: without positions, FTS5 can't look for a longer one.
  const expression = runs.map((run) => `"${run.replaceAll('"', '""')}"`).join(" AND ");
  return sql`select rowid as id from ${index} where ${index} match ${expression}`;
}
