/** Searches a list for something that no index finds. */
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import {
  canBeKey,
  compareKeys,
  countBefore,
  COUNTED_MAX,
  inDirection,
  type List,
  type ListOrder,
  NO_PAGE,
  pageOf,
  readingWords,
} from "./pages.ts";
import type { Database } from "./schema.ts";
import { takeTurn } from "./take-turn.ts";

/** How many rows are examined in one statement. On SQLite everything else waits meanwhile, for some milliseconds. */
const ROWS_PER_READ = 2000;

/** What a list is gone through for. */
export interface Sought<Row> {
  /** A condition on a row of the list's ranges. */
  readonly isMatch: RawBuilder<SqlBool>;
  /** Rows of the list that match besides, in any order. The ranges may have them, too. */
  readonly known?: readonly Row[];
}

/**
 * Goes through a list in its order until the page and the count are known: soon if many rows match, to the end of the list if few do.
 * Other work runs in between. For a list whose rows have their own key in the last column of its order.
 */
export async function goThrough<Row extends object>(
  db: Kysely<Database>,
  wanted: List,
  keyOf: (row: Row) => PageKey,
  sought: Sought<Row>,
  page: PageRequest,
): Promise<Page<Row>> {
  const { from, limit } = page;
  const list = inDirection(wanted, page.isReversed);
  const first = await collectMatches(db, list, keyOf, sought, { rowsMax: COUNTED_MAX });
  if (from !== undefined && !canBeKey(list.order, from.key)) return { ...NO_PAGE, count: first.length };
  const shown = pageOf(first, list.order, keyOf, page);
  // All matches are known, or those of the page and one after it.
  if (first.length < COUNTED_MAX || shown.hasNext) return shown;
  const isBackwards = from?.direction === "before";
  const matches = await collectMatches(db, list, keyOf, sought, { rowsMax: limit + 1, start: from?.key, isBackwards });
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

/** Matches that are found in one order. */
interface Walk<Row> {
  /** What has been found and not yet taken begins at `next`. */
  matches: readonly Row[];
  next: number;
  /** Where more may be found, if anywhere: after this key, or from the beginning of the range. */
  rest?: { readonly range: RawBuilder<unknown>; readonly after: PageKey | undefined } | undefined;
}

/**
 * The first matches after a place, in the order of reading. What one walk has found is taken once all others have got as far, and the
 * one that is furthest behind goes on.
 */
async function collectMatches<Row extends object>(
  db: Kysely<Database>,
  { order, ranges }: List,
  keyOf: (row: Row) => PageKey,
  { isMatch, known = [] }: Sought<Row>,
  wanted: { readonly rowsMax: number; readonly start?: PageKey | undefined; readonly isBackwards?: boolean },
): Promise<readonly Row[]> {
  const { rowsMax, start, isBackwards = false } = wanted;
  const compare = (a: PageKey, b: PageKey) => compareKeys(a, b) * (order.isDescending === isBackwards ? 1 : -1);
  const knownAfter = known
    .filter((row) => start === undefined || compare(keyOf(row), start) > 0)
    .toSorted((a, b) => compare(keyOf(a), keyOf(b)));
  const walks: Walk<Row>[] = [
    { matches: knownAfter, next: 0 },
    ...ranges.map((range) => ({ matches: [], next: 0, rest: { range, after: start } })),
  ];
  const taken: Row[] = [];
  for (;;) {
    let behind: Walk<Row> | undefined;
    let place: PageKey | undefined;
    for (const walk of walks) {
      const match = walk.matches[walk.next];
      if (match === undefined && walk.rest === undefined) continue;
      const key = match === undefined ? walk.rest?.after : keyOf(match);
      if (behind !== undefined && (place === undefined || (key !== undefined && compare(key, place) >= 0))) continue;
      behind = walk;
      place = key;
    }
    if (behind === undefined || taken.length === rowsMax) return taken;
    const match = behind.matches[behind.next];
    if (match !== undefined) {
      behind.next++;
      const last = taken.at(-1);
      if (last === undefined || compare(keyOf(last), keyOf(match)) !== 0) taken.push(match);
    } else if (behind.rest !== undefined) {
      const { range, after } = behind.rest;
      const { matches, end } = await examine<Row>(db, order, range, after, isBackwards, isMatch);
      Object.assign(behind, { matches, next: 0, rest: end && { range, after: keyOf(end) } });
      await takeTurn();
    }
  }
}

/**
 * Examines the next rows of a range.
 *
 * @returns those that match, and the last one that was examined if others may follow
 */
async function examine<Row>(
  db: Kysely<Database>,
  order: ListOrder,
  range: RawBuilder<unknown>,
  start: PageKey | undefined,
  isBackwards: boolean,
  isMatch: RawBuilder<SqlBool>,
): Promise<{ readonly matches: readonly Row[]; readonly end: Row | undefined }> {
  const { columns, orderBy, after } = readingWords(order, isBackwards);
  const begin = start === undefined ? sql`` : sql`and ${after(start)}`;
  const inOrder = sql`${range} ${begin} order by ${orderBy}`;
  // In one statement, so that a row that is inserted meanwhile moves neither end. The condition is in a select of its own since SQLite
  // resolves the collations of a column.
  const { rows } = await sql<Row & { readonly is_end: number }>`
    select * from (
      select ${columns}, 0 as is_end from (
        select ${columns}, (select case when ${isMatch} then 1 else 0 end) as is_match ${inOrder} limit ${sql.lit(ROWS_PER_READ)}
      ) as examined where is_match = 1
      union all
      select * from (select ${columns}, 1 as is_end ${inOrder} limit 1 offset ${sql.lit(ROWS_PER_READ - 1)}) as last
    ) as read order by ${orderBy}`.execute(db);
  return { matches: rows.filter((row) => row.is_end === 0), end: rows.find((row) => row.is_end === 1) };
}
