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
  /** Rows of the list that are known to match, in the order in which the list is read. The ranges may have them, too. */
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
  const collect = (rowsMax: number, start?: PageKey, isBackwards = false) =>
    collectMatches(db, list, keyOf, sought, { rowsMax, start, isBackwards });
  const first = await collect(COUNTED_MAX);
  if (from !== undefined && !canBeKey(list.order, from.key)) return { ...NO_PAGE, count: first.length };
  const shown = pageOf(first, list.order, keyOf, page);
  // All matches are known, or those of the page and one after it.
  if (first.length < COUNTED_MAX || shown.hasNext) return shown;
  const isBackwards = from?.direction === "before";
  const matches = await collect(limit + 1, from?.key, isBackwards);
  const items = matches.slice(0, limit);
  if (isBackwards) items.reverse();
  const [firstShown, lastShown] = [items[0], items.at(-1)];
  const isMoreAfter = isBackwards && lastShown !== undefined && (await collect(1, keyOf(lastShown))).length > 0;
  return {
    items,
    hasPrevious: true,
    hasNext: isBackwards ? isMoreAfter : matches.length > limit,
    count: COUNTED_MAX,
    before: firstShown === undefined ? 0 : countBefore(first, list.order, keyOf, keyOf(firstShown)),
  };
}

/** Matches that are found in one order, range by range. */
interface Walk<Row> {
  /** What has been found; those from `next` on haven't been taken. */
  found: readonly Row[];
  next: number;
  /** The range in which more may be found; absent once all of it has been examined. */
  range?: RawBuilder<unknown> | undefined;
  /** The range has been examined up to this key; `undefined` before the first read. */
  examined?: PageKey | undefined;
}

/**
 * The first matches after a place, in the order of reading. The walk that is furthest behind goes on: its next match is taken, or more of
 * its range is examined.
 */
async function collectMatches<Row extends object>(
  db: Kysely<Database>,
  { order, ranges }: List,
  keyOf: (row: Row) => PageKey,
  { isMatch, known = [] }: Sought<Row>,
  wanted: { readonly rowsMax: number; readonly start: PageKey | undefined; readonly isBackwards: boolean },
): Promise<readonly Row[]> {
  const { rowsMax, start, isBackwards } = wanted;
  const compare = (a: PageKey, b: PageKey) => compareKeys(a, b) * (order.isDescending === isBackwards ? 1 : -1);
  const ahead = known.filter((row) => start === undefined || compare(keyOf(row), start) > 0);
  const walks: Walk<Row>[] = [
    { found: isBackwards ? ahead.toReversed() : ahead, next: 0 },
    ...ranges.map((range) => ({ found: [], next: 0, range, examined: start })),
  ];
  const positionOf = ({ found, next, examined }: Walk<Row>) => {
    const match = found[next];
    return match === undefined ? examined : keyOf(match);
  };
  const taken: Row[] = [];
  while (taken.length < rowsMax) {
    const walk = furthestBehind(walks, positionOf, compare);
    if (walk === undefined) break;
    const match = walk.found[walk.next];
    if (match !== undefined) {
      walk.next++;
      const last = taken.at(-1);
      // Another walk may have had the same row.
      if (last === undefined || compare(keyOf(last), keyOf(match)) !== 0) taken.push(match);
    } else if (walk.range !== undefined) {
      const { matches, end } = await examine<Row>(db, order, walk.range, walk.examined, isBackwards, isMatch);
      walk.found = matches;
      walk.next = 0;
      walk.examined = end && keyOf(end);
      if (end === undefined) walk.range = undefined;
      await takeTurn();
    }
  }
  return taken;
}

/** Of the walks that aren't at their end, the one whose position comes first; `undefined` is before every key. */
function furthestBehind<Row>(
  walks: readonly Walk<Row>[],
  positionOf: (walk: Walk<Row>) => PageKey | undefined,
  compare: (a: PageKey, b: PageKey) => number,
): Walk<Row> | undefined {
  let behind: { readonly walk: Walk<Row>; readonly position: PageKey } | undefined;
  for (const walk of walks) {
    if (walk.next >= walk.found.length && walk.range === undefined) continue;
    const position = positionOf(walk);
    if (position === undefined) return walk;
    if (behind === undefined || compare(position, behind.position) < 0) behind = { walk, position };
  }
  return behind?.walk;
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
  // The matches, and the last row again, whether it matches or not: in one statement, so that a row that is inserted meanwhile moves
  // neither end. As a column, without a select of its own, SQLite would refuse a condition that names PostgreSQL's collation.
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
