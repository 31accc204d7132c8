/** Searches a list for something that no index finds. */
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import { canBeKey, countBefore, COUNTED_MAX, inDirection, type List, NO_PAGE, pageOf, readStretch } from "./pages.ts";
import type { Database } from "./schema.ts";
import { takeTurn } from "./take-turn.ts";

/** How many rows are examined in one statement. On SQLite everything else waits meanwhile, for some milliseconds. */
const ROWS_PER_READ = 2000;

/**
 * Goes through a list in its order until the page and the count are known: soon if many rows match, to the end of the list if few do.
 * Other work runs in between. For a list whose rows have their own key in the last column of its order.
 *
 * @param isMatch a condition on a row of the table
 */
export async function goThrough<Row extends object>(
  db: Kysely<Database>,
  table: keyof Database,
  wanted: List,
  keyOf: (row: Row) => PageKey,
  isMatch: RawBuilder<SqlBool>,
  page: PageRequest,
): Promise<Page<Row>> {
  const { from, limit } = page;
  const list = inDirection(wanted, page.isReversed);
  const idOf = (row: Row) => keyOf(row).at(-1) ?? 0;
  const collect = async (
    rowsMax: number,
    start: PageKey | undefined,
    isBackwards: boolean,
  ): Promise<readonly Row[]> => {
    const matches: Row[] = [];
    let key = start;
    while (matches.length < rowsMax) {
      const rows = await readStretch<Row>(db, list, key && { key }, isBackwards, ROWS_PER_READ);
      const last = rows.at(-1);
      if (last === undefined) break;
      const matching = await findMatching(db, table, list, rows.map(idOf), isMatch);
      matches.push(...rows.filter((row) => matching.has(idOf(row))));
      key = keyOf(last);
      await takeTurn();
    }
    return matches.slice(0, rowsMax);
  };
  const first = await collect(COUNTED_MAX, undefined, false);
  if (from !== undefined && !canBeKey(list.order, from.key)) return { ...NO_PAGE, count: first.length };
  const shown = pageOf(first, list.order, keyOf, page);
  // All matches are known, or those of the page and one after it.
  if (first.length < COUNTED_MAX || shown.hasNext) return shown;
  const isBackwards = from?.direction === "before";
  const matches = await collect(limit + 1, from?.key, isBackwards);
  const items = matches.slice(0, limit);
  if (isBackwards) items.reverse();
  const [firstShown] = items;
  return {
    items,
    hasPrevious: true,
    hasNext: isBackwards || matches.length > limit,
    count: COUNTED_MAX,
    before: firstShown === undefined ? 0 : countBefore(first, list.order, keyOf, keyOf(firstShown)),
  };
}

async function findMatching(
  db: Kysely<Database>,
  table: keyof Database,
  { order }: List,
  ids: readonly (string | number)[],
  isMatch: RawBuilder<SqlBool>,
): Promise<ReadonlySet<string | number>> {
  const column = sql.ref(order.columns.at(-1)?.name ?? "id");
  const { rows } = await sql<{ id: number }>`
    select ${column} as id from ${sql.table(table)} where ${column} in (${sql.join(ids)}) and ${isMatch}`.execute(db);
  return new Set(rows.map(({ id }) => id));
}
