/**
 * Runs of three characters in PostgreSQL: GIN indexes over arrays, by a function in SQL. The extension pg_trgm would do it, but isn't
 * part of every server, and whoever creates the database's tables may not add it.
 */
import { type RawBuilder, sql } from "kysely";

const INDEXES = {
  users: { table: "api_users", text: `username || chr(10) || coalesce(display_name, '')` },
  labels: { table: "public_keys", text: "label" },
} as const;

// In the collation "C", `lower` changes A to Z alone, whatever the database's locale.
const runsOf = (text: string) => `runs_of_three(lower((${text}) collate "C"))`;

/** What the migration 0012-search runs; it never changes. */
export const CREATE_RUNS: readonly string[] = [
  `create function runs_of_three(text text) returns text[] language sql immutable strict parallel safe as
     $$ select array(select substr(text, place, 3) from generate_series(1, length(text) - 2) as place) $$`,
  `create index api_users_search on api_users using gin (${runsOf(INDEXES.users.text)}) where id is not null`,
  `create index public_keys_search on public_keys using gin (${runsOf(INDEXES.labels.text)}) where label is not null`,
];

/**
 * What the migration 0014-search-plan runs; it never changes. From PostgreSQL 17 on the planner drops a condition that always holds, and
 * then can't use an index that asks for it. And at the usual cost of a function, a search for what many have would read the table, in
 * which they may come last, and call the function for each row; a call takes some microseconds.
 */
export const MEND_RUNS: readonly string[] = [
  "alter function runs_of_three cost 10000",
  "drop index api_users_search",
  `create index api_users_search on api_users using gin (${runsOf(INDEXES.users.text)})`,
];

export function idsWithRuns(of: keyof typeof INDEXES, runs: readonly string[]): RawBuilder<unknown> {
  const { table, text } = INDEXES[of];
  const isIndexed = of === "labels" ? sql`and label is not null` : sql``;
  return sql`select id from ${sql.table(table)}
    where ${sql.raw(runsOf(text))} @> array[${sql.join(runs)}]::text[] ${isIndexed}`;
}
