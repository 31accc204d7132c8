import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { countRows, type List, NO_PAGE, readPage, readWays } from "./pages.ts";
import type { Database } from "./schema.ts";

/** What a row must be like; `isPossible` is false where no row can be. */
export interface Condition {
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

export function begins(column: string, text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined;
  // Both engines count characters in code points; so does the array.
  const characters = Array.from(text).length;
  return { isPossible: canBeStored(text), where: sql`substr(${sql.ref(column)}, 1, ${characters}) = ${text}` };
}

/** A list that has hundreds of rows, perhaps thousands, but never a million: what matches is looked for by going through it. */
export async function pageSmall<Item extends { readonly id: number }>(
  db: Kysely<Database>,
  table: keyof Database,
  conditions: readonly (Condition | undefined)[],
  order: List<unknown>["order"],
  page: PageRequest,
  load: (ids: readonly number[]) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const given = conditions.filter((condition) => condition !== undefined);
  if (!given.every(({ isPossible }) => isPossible)) return NO_PAGE;
  const matches = sql.join([sql`1 = 1`, ...given.map(({ where }) => where)], sql` and `);
  const rows = sql`select id from ${sql.table(table)} where ${matches}`;
  return loadPage(
    {
      order,
      read: (stretch) => readWays(db, order, [{ kind: "along", statements: [rows] }], stretch, idOf),
      keyOf: idOf,
      count: () => countRows(db, rows),
    },
    page,
    load,
  );
}

export function idOf({ id }: { readonly id: number }): PageKey {
  return [id];
}

/** A page of ids with what they stand for, in the page's order. */
export async function loadPage<Item extends { readonly id: number }>(
  list: List<{ readonly id: number }>,
  page: PageRequest,
  load: (ids: readonly number[]) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const { items, ...rest } = await readPage(list, page);
  if (items.length === 0) return { items: [], ...rest };
  const loaded = await load(items.map(({ id }) => id));
  const byId = new Map(loaded.map((item) => [item.id, item]));
  return { items: items.flatMap(({ id }) => byId.get(id) ?? []), ...rest };
}
