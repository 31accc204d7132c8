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

/** The columns that order a list. The last one is unique. */
export interface ListOrder {
  readonly columns: readonly KeyColumn[];
  readonly isDescending: boolean;
}

/** A list that is read in pages. */
export interface List {
  readonly order: ListOrder;
  /** `from … where …`, each a range of one index in the list's order. The list is all ranges merged; no two have the same row. */
  readonly ranges: readonly RawBuilder<unknown>[];
}

export const BY_ID: ListOrder = { columns: [{ name: "id", holds: "id" }], isDescending: false };
export const NEWEST_FIRST: ListOrder = { ...BY_ID, isDescending: true };

/** An empty page. */
export const NO_PAGE: Page<never> = { items: [], hasPrevious: false, hasNext: false, count: 0, before: 0 };

/** Counting stops here: one more than the greatest count shown. */
export const COUNTED_MAX = COUNT_MAX + 1;

/**
 * Reads a page of a list by keyset. It reads one row more than asked for, and looks for one row on the other side of the page's
 * start. Of each range it reads at most as many rows as the page, the count and the page's place need. These are separate reads:
 * while the list changes, they may differ by what changed.
 */
export async function readPage<Row>(
  db: Kysely<Database>,
  wanted: List,
  keyOf: (row: Row) => PageKey,
  { from, limit, isReversed }: PageRequest,
): Promise<Page<Row>> {
  const list = inDirection(wanted, isReversed);
  const count = await countPage(db, list);
  // A key that no row can have marks no place in the list.
  if (from !== undefined && !canBeKey(list.order, from.key)) return { ...NO_PAGE, count };
  const isBackwards = from?.direction === "before";
  const rows = await readStretch<Row>(db, list, from && { key: from.key }, isBackwards, limit + 1);
  const hasMore = rows.length > limit;
  const items = rows.slice(0, limit);
  if (isBackwards) items.reverse();
  if (from === undefined) return { items, hasPrevious: false, hasNext: hasMore, count, before: 0 };
  const edge = isBackwards ? items.at(-1) : items[0];
  // If the page is empty, look at the key itself and on the other side of it.
  const start = edge === undefined ? { key: from.key, isInclusive: true } : { key: keyOf(edge) };
  const hasOther = (await readStretch<Row>(db, list, start, !isBackwards, 1)).length > 0;
  const hasPrevious = isBackwards ? hasMore : hasOther;
  const [first] = items;
  const before = first === undefined || !hasPrevious ? 0 : await countPage(db, list, keyOf(first));
  return { items, hasPrevious, hasNext: isBackwards ? hasOther : hasMore, count, before };
}

/**
 * A page of rows that are all in memory.
 *
 * @param rows in the list's order
 */
export function pageOf<Row>(
  rows: readonly Row[],
  order: ListOrder,
  keyOf: (row: Row) => PageKey,
  { from, limit }: PageRequest,
): Page<Row> {
  const isBackwards = from?.direction === "before";
  const edge = from === undefined ? 0 : countBefore(rows, order, keyOf, from.key, !isBackwards);
  const start = isBackwards ? Math.max(0, edge - limit) : edge;
  const items = rows.slice(start, isBackwards ? edge : edge + limit);
  return {
    items,
    hasPrevious: start > 0,
    hasNext: start + items.length < rows.length,
    count: Math.min(rows.length, COUNTED_MAX),
    before: items.length === 0 ? 0 : Math.min(start, COUNTED_MAX),
  };
}

/** How many rows, which are in the list's order, are before the one with this key, or are that one if it `isIncluded`. */
export function countBefore<Row>(
  rows: readonly Row[],
  { isDescending }: ListOrder,
  keyOf: (row: Row) => PageKey,
  key: PageKey,
  isIncluded = false,
): number {
  const place = rows.findIndex((row) => {
    const compared = compareKeys(keyOf(row), key) * (isDescending ? -1 : 1);
    return isIncluded ? compared > 0 : compared >= 0;
  });
  return place === -1 ? rows.length : place;
}

/**
 * Compares keys of one list: negative if the first is less. Texts are compared by code units, which is the order of bytes for the
 * ASCII that names consist of.
 */
export function compareKeys(a: PageKey, b: PageKey): number {
  for (const [index, value] of a.entries()) {
    const other = b[index];
    if (other === undefined || value === other) continue;
    return value < other ? -1 : 1;
  }
  return 0;
}

/** The list as it is asked for, or from its end. */
export function inDirection({ order, ...rest }: List, isReversed = false): List {
  return { ...rest, order: { ...order, isDescending: order.isDescending !== isReversed } };
}

/** The keys of the first rows after a place in the list, or before it when reading backwards, in the order read. */
export async function readStretch<Row>(
  db: Kysely<Database>,
  { order, ranges }: List,
  start: { readonly key: PageKey; readonly isInclusive?: boolean } | undefined,
  isBackwards: boolean,
  limit: number,
): Promise<readonly Row[]> {
  const { columns, orderBy, after } = readingWords(order, isBackwards);
  const place = start === undefined ? sql`` : sql`and ${after(start.key, start.isInclusive)}`;
  const parts = ranges.map(
    (range) => sql`select * from (select ${columns} ${range} ${place} order by ${orderBy} limit ${limit}) as part`,
  );
  const { rows } = await sql<Row>`
    select * from (${sql.join(parts, sql` union all `)}) as merged order by ${orderBy} limit ${limit}`.execute(db);
  return rows;
}

/** The words of a statement that reads in a list's order, or against it. */
interface ReadingWords {
  /** The columns of the key, for `select`. */
  readonly columns: RawBuilder<unknown>;
  readonly orderBy: RawBuilder<unknown>;
  /** A condition on a row: is it read after this key, or does it have it? */
  readonly after: (key: PageKey, isInclusive?: boolean) => RawBuilder<SqlBool>;
}

export function readingWords({ columns, isDescending }: ListOrder, isBackwards: boolean): ReadingWords {
  const falls = isDescending !== isBackwards;
  const refs = columns.map(({ name }) => sql.ref(name));
  return {
    columns: sql.join(refs),
    orderBy: sql.join(refs.map((ref) => (falls ? sql`${ref} desc` : ref))),
    after: (key, isInclusive = false) => {
      const operator = sql.raw(`${falls ? "<" : ">"}${isInclusive ? "=" : ""}`);
      return sql<SqlBool>`(${sql.join(refs)}) ${operator} (${sql.join(key)})`;
    },
  };
}

/**
 * Counts the rows of the list, up to `COUNTED_MAX`. Each range is read in its order: without `order by`, PostgreSQL scans
 * the table when many rows match, and they may be far from its beginning.
 *
 * @param end counts only the rows before this key
 */
async function countPage(
  db: Kysely<Database>,
  { order: { columns, isDescending }, ranges }: List,
  end?: PageKey,
): Promise<number> {
  const refs = columns.map(({ name }) => sql.ref(name));
  const place =
    end === undefined ? sql`` : sql`and (${sql.join(refs)}) ${sql.raw(isDescending ? ">" : "<")} (${sql.join(end)})`;
  const orderBy = sql.join(end !== undefined && isDescending ? refs.map((ref) => sql`${ref} desc`) : refs);
  const parts = ranges.map(
    (range) =>
      sql`select * from (select ${refs.at(-1)} ${range} ${place} order by ${orderBy} limit ${sql.lit(COUNTED_MAX)}) as part`,
  );
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (
      select * from (${sql.join(parts, sql` union all `)}) as merged limit ${sql.lit(COUNTED_MAX)}
    ) as counted`.execute(db);
  return Number(rows[0]?.count);
}

/** Can a row of the list have this key, which is untrusted? */
export function canBeKey({ columns }: ListOrder, key: PageKey): boolean {
  if (key.length !== columns.length) return false;
  return columns.every(({ holds }, index) => {
    const value = key[index];
    if (holds === "text") return typeof value === "string" && canBeStored(value);
    if (typeof value !== "number") return false;
    return holds === "id" ? canBeId(value) : Number.isSafeInteger(value);
  });
}
