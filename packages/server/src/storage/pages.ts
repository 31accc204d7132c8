import { setImmediate } from "node:timers/promises";
import { COUNT_MAX } from "@countersign/protocol";
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** A column of a list's key. */
export interface KeyColumn {
  readonly name: string;
  readonly holds: "id" | "text" | "seq";
}

/** By what a list is ordered. No two rows have the same key. */
export interface ListOrder {
  readonly columns: readonly KeyColumn[];
  readonly isDescending: boolean;
}

/** A stretch of a list, read in the list's order or against it. */
export interface Stretch {
  /** Rows behind the place where it begins. */
  readonly where: RawBuilder<SqlBool>;
  readonly orderBy: RawBuilder<unknown>;
  readonly limit: number;
  /** How many rows are passed over first; none unless given. */
  readonly offset?: number;
  /** Rows up to the one with this key, inclusive. */
  readonly until: (key: PageKey) => RawBuilder<SqlBool>;
  /** Rows behind the one with this key. */
  readonly behind: (key: PageKey) => RawBuilder<SqlBool>;
}

/** A list that is read in pages. */
export interface List<Row> {
  readonly order: ListOrder;
  readonly read: (stretch: Stretch) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => PageKey;
  /** How many there are in all, up to `COUNTED_MAX`. */
  readonly count: () => Promise<number>;
}

export const BY_ID: ListOrder = { columns: [{ name: "id", holds: "id" }], isDescending: false };
export const NEWEST_FIRST: ListOrder = { ...BY_ID, isDescending: true };

/** What nothing matches. */
export const NO_PAGE: Page<never> = { items: [], hasPrevious: false, hasNext: false, count: 0 };

/** Counting stops here: one more than is shown. */
export const COUNTED_MAX = COUNT_MAX + 1;

/** The one way in which lists are read: by keyset, one row more than asked for, and a look back from where it began. */
export async function readPage<Row>(list: List<Row>, { from, limit }: PageRequest): Promise<Page<Row>> {
  const count = await list.count();
  // A key that no row can have has no place in the list.
  if (from !== undefined && !canBeKey(list.order, from.key)) return { ...NO_PAGE, count };
  const isBackwards = from?.direction === "before";
  const rows = await list.read(stretchOf(list.order, from && { key: from.key }, isBackwards, limit + 1));
  const hasMore = rows.length > limit;
  const items = rows.slice(0, limit);
  if (isBackwards) items.reverse();
  if (from === undefined) return { items, hasPrevious: false, hasNext: hasMore, count };
  const edge = isBackwards ? items.at(-1) : items[0];
  // Where the page is empty, whatever is at the key itself or on the other side of it.
  const start = edge === undefined ? { key: from.key, isInclusive: true } : { key: list.keyOf(edge) };
  const hasOther = (await list.read(stretchOf(list.order, start, !isBackwards, 1))).length > 0;
  return {
    items,
    hasPrevious: isBackwards ? hasMore : hasOther,
    hasNext: isBackwards ? hasOther : hasMore,
    count,
  };
}

function stretchOf(
  { columns, isDescending }: ListOrder,
  start: { readonly key: PageKey; readonly isInclusive?: boolean } | undefined,
  isBackwards: boolean,
  limit: number,
): Stretch {
  const falls = isDescending !== isBackwards;
  const refs = columns.map(({ name }) => sql.ref(name));
  const compare = (operator: string, key: PageKey) =>
    sql<SqlBool>`(${sql.join(refs)}) ${sql.raw(operator)} (${sql.join(key)})`;
  const [behind, before] = falls ? ["<", ">"] : [">", "<"];
  return {
    where: start === undefined ? sql`1 = 1` : compare(start.isInclusive === true ? `${behind}=` : behind, start.key),
    orderBy: sql.join(refs.map((ref) => (falls ? sql`${ref} desc` : ref))),
    limit,
    until: (key) => compare(`${before}=`, key),
    behind: (key) => compare(behind, key),
  };
}

function canBeKey({ columns }: ListOrder, key: PageKey): boolean {
  if (key.length !== columns.length) return false;
  return columns.every(({ holds }, index) => {
    const value = key[index];
    if (holds === "text") return typeof value === "string" && canBeStored(value);
    if (typeof value !== "number") return false;
    return holds === "id" ? canBeId(value) : Number.isSafeInteger(value);
  });
}

/**
 * A way to find rows of a list.
 *
 * - `along`: each statement's rows come from an index in the list's order, and only as many are read as the page has.
 * - `few`: there are at most `COUNTED_MAX`, and they are sorted.
 * - `scattered`: rows of `along` statements that are met on the way along the list; `all` gives all that are passed.
 *
 * Each statement is `select <key columns> from … where …`; no two of one way give the same row.
 */
export type Way =
  | { readonly kind: "along" | "few"; readonly statements: Statements }
  | { readonly kind: "scattered"; readonly statements: Statements; readonly all: Statements };

export type Statements = readonly RawBuilder<unknown>[];

/** How many rows of a list are gone through at once in search of scattered ones; between, others get their turn. */
const PASSED_AT_ONCE = 5000;

/** Merges the ways' rows, each row once: its key alone. */
export async function readWays<Row>(
  db: Kysely<Database>,
  order: ListOrder,
  ways: readonly Way[],
  stretch: Stretch,
  keyOf: (row: Row) => PageKey,
): Promise<readonly Row[]> {
  const direct = ways.filter((way) => way.kind !== "scattered");
  const scattered = ways.filter((way) => way.kind === "scattered");
  if (scattered.length === 0) return readMerged(db, order, direct, stretch);
  const found: Row[] = [];
  for (let { where } = stretch; ; ) {
    const part = { ...stretch, where, limit: 1, offset: PASSED_AT_ONCE - 1 };
    const [end] = await readMerged<Row>(
      db,
      order,
      scattered.map(({ all }) => ({ kind: "along", statements: all })),
      part,
    );
    const until = end === undefined ? sql`1 = 1` : stretch.until(keyOf(end));
    const along = scattered.map(({ statements }) => ({ kind: "along", statements }) as const);
    const limit = stretch.limit - found.length;
    found.push(
      ...(await readMerged<Row>(db, order, [...direct, ...along], {
        ...stretch,
        where: sql`${where} and ${until}`,
        limit,
      })),
    );
    if (end === undefined || found.length >= stretch.limit) return found;
    where = stretch.behind(keyOf(end));
    await setImmediate();
  }
}

type DirectWay = Extract<Way, { readonly kind: "along" | "few" }>;

async function readMerged<Row>(
  db: Kysely<Database>,
  { columns }: ListOrder,
  ways: readonly DirectWay[],
  { where, orderBy, limit, offset = 0 }: Stretch,
): Promise<readonly Row[]> {
  const parts = ways.flatMap(({ kind, statements }) =>
    kind === "along"
      ? statements.map(
          (rows) => sql`select * from (${rows} and ${where} order by ${orderBy} limit ${limit + offset}) as part`,
        )
      : // The inner limit also keeps engines from another plan than the one that is meant: find few, then sort.
        [sql`select * from (${fewOf(statements)}) as few where ${where}`],
  );
  const refs = sql.join(columns.map(({ name }) => sql.ref(name)));
  const merged = sql.join(parts, sql` union `);
  const { rows } = await sql<Row>`
    select ${refs} from (${merged}) as merged order by ${orderBy} limit ${limit} offset ${offset}`.execute(db);
  return rows;
}

function fewOf(statements: Statements): RawBuilder<unknown> {
  return sql`${sql.join(statements, sql` union all `)} limit ${sql.lit(COUNTED_MAX)}`;
}

/** How many rows there are, each counted once, up to `COUNTED_MAX`. */
export async function countWays(
  db: Kysely<Database>,
  ways: readonly { readonly statements: Statements }[],
): Promise<number> {
  const parts = ways.map(({ statements }) => sql`select * from (${fewOf(statements)}) as few`);
  return countRows(db, sql.join(parts, sql` union `));
}

/** How many rows a statement gives, up to `COUNTED_MAX`. */
export async function countRows(db: Kysely<Database>, statement: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (select 1 from (${statement}) as matching limit ${sql.lit(COUNTED_MAX)}) as counted`.execute(
    db,
  );
  return Number(rows[0]?.count);
}

/**
 * Rows that an index gives in another order than the list's. Where they are few, they are sorted; where there are many, they are
 * met soon enough on the way along the list, unless they all are far from where it begins.
 *
 * @param found statements that find them by that index
 * @param along statements that go along the list and leave out what doesn't match, by no index
 * @param all statements that go along the list
 */
export async function findWay(
  db: Kysely<Database>,
  found: Statements,
  along: Statements,
  all: Statements,
): Promise<Way> {
  const count = await countWays(db, [{ statements: found }]);
  if (count < COUNTED_MAX) return { kind: "few", statements: found };
  return { kind: "scattered", statements: along, all };
}
