/**
 * Runs of three characters in PostgreSQL: GIN indexes over arrays, by a function in SQL. The extension pg_trgm would do it, but isn't
 * part of every server, and whoever creates the database's tables may not add it.
 */
import { type RawBuilder, sql } from "kysely";
import type { RunsIndex } from "../engine.ts";

const INDEXES = {
  users: {
    table: "api_users",
    text: `username || chr(10) || coalesce(display_name, '')`,
    where: "id is not null",
  },
  labels: { table: "public_keys", text: "label", where: "label is not null" },
} as const;

// In the collation "C", `lower` changes A to Z alone, whatever the database's locale.
const runsOf = (text: string) => `runs_of_three(lower((${text}) collate "C"))`;

/** What the migration 0012-search runs; it never changes. */
export const CREATE_RUNS: readonly string[] = [
  `create function runs_of_three(text text) returns text[] language sql immutable strict parallel safe as
     $$ select array(select substr(text, place, 3) from generate_series(1, length(text) - 2) as place) $$`,
  ...Object.values(INDEXES).map(
    ({ table, text, where }) => `create index ${table}_search on ${table} using gin (${runsOf(text)}) where ${where}`,
  ),
];

export const RUNS: RunsIndex = { idsWith, areById: false };

function idsWith(of: keyof typeof INDEXES, runs: readonly string[]): RawBuilder<unknown> {
  const { table, text, where } = INDEXES[of];
  return sql`select id from ${sql.table(table)} where ${sql.raw(where)}
    and ${sql.raw(runsOf(text))} @> array[${sql.join(runs)}]::text[]`;
}
