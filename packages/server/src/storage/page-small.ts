import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageRequest } from "../core/store/page.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { type ListOrder, NO_PAGE, readPage } from "./pages.ts";
import type { Database } from "./schema.ts";
import { anyOf, canBeSought, contains, soughtTexts } from "./search-text.ts";

/** A condition on rows; `isPossible` is false if no row can meet it. */
interface Condition {
  readonly isPossible: boolean;
  readonly where: RawBuilder<SqlBool>;
}

export function equal(column: string, value: string | number | undefined): Condition | undefined {
  if (value === undefined) return undefined;
  return {
    isPossible: typeof value === "number" ? canBeId(value) : canBeStored(value),
    where: sql`${sql.ref(column)} = ${value}`,
  };
}

/** Does the column have this value, or none? */
export function equalOrNull(column: string, value: number | undefined): Condition | undefined {
  const condition = equal(column, value);
  return condition && { ...condition, where: sql`(${condition.where} or ${sql.ref(column)} is null)` };
}

/** Rows that are archived, or those that aren't. */
export function archived(isArchive = false): Condition {
  return { isPossible: true, where: isArchive ? sql`archived_at_ms is not null` : sql`archived_at_ms is null` };
}

/** Does any of the columns have this text in it, in either case? */
export function hasPart(columns: readonly string[], text: string | undefined): Condition | undefined {
  if (text === undefined || text === "") return undefined;
  const texts = soughtTexts(text);
  return { isPossible: canBeSought(text), where: anyOf(columns.map((column) => contains(column, texts))) };
}

/**
 * A page of a list that has hundreds of rows, perhaps thousands, but never a million. Matches are found by a scan, which the
 * database sorts unless they are in the order of the ids.
 */
export async function pageSmall<Item extends { readonly id: number }>(
  db: Kysely<Database>,
  table: keyof Database,
  conditions: readonly (Condition | undefined)[],
  order: ListOrder,
  page: PageRequest,
  load: (ids: readonly number[]) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const given = conditions.filter((condition) => condition !== undefined);
  if (!given.every(({ isPossible }) => isPossible)) return NO_PAGE;
  const matches = sql.join([sql`1 = 1`, ...given.map(({ where }) => where)], sql` and `);
  const ranges = [sql`from ${sql.table(table)} where ${matches}`];
  const keyOf = (row: Readonly<Record<string, string | number>>) => order.columns.map(({ name }) => row[name] ?? 0);
  const { items, ...rest } = await readPage<{ id: number }>(db, { order, ranges }, keyOf, page);
  if (items.length === 0) return { items: [], ...rest };
  const loaded = await load(items.map(({ id }) => id));
  const byId = new Map(loaded.map((item) => [item.id, item]));
  return { items: items.flatMap(({ id }) => byId.get(id) ?? []), ...rest };
}
