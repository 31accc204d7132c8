import { PAGE_ITEMS_DEFAULT } from "@countersign/protocol";
import type { Page, PageKey, PageRequest } from "../../../core/store/page.ts";
import { Refusal } from "../../../core/refusal.ts";

/** The members of a list's query that choose a page. */
export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** The order of a list. Its cursors name it, so that a cursor of another order or direction is refused. */
export interface CursorOrder {
  /** The types of the key's parts. */
  readonly kinds: readonly ("number" | "string")[];
  /** If the list has several orders; the default one has no name. */
  readonly name?: string | undefined;
  readonly isReversed?: boolean | undefined;
}

const BY_ID: CursorOrder = { kinds: ["number"] };

type Direction = "ascending" | "descending";

/** Is the order turned around? @param natural its direction unless the query gives another one */
export function isReversed({ direction }: { readonly direction?: Direction | undefined }, natural: Direction): boolean {
  return direction !== undefined && direction !== natural;
}

/**
 * Reads a cursor: base64url of JSON, `["after" | "before", ...key]`, where the first item also names the order if it isn't the
 * list's default. Opaque to clients; made by {@link pageLinks}.
 *
 * @throws {Refusal} `field_invalid`
 */
export function parsePage({ limit = PAGE_ITEMS_DEFAULT, cursor }: PageQuery, order: CursorOrder = BY_ID): PageRequest {
  const { kinds } = order;
  const list = order.isReversed === true ? { limit, isReversed: true } : { limit };
  if (cursor === undefined) return list;
  const [place, ...key] = decode(cursor);
  const direction = (["after", "before"] as const).find((each) => place === placeIn(order, each));
  const fits =
    key.length === kinds.length &&
    key.every((part, at) => typeof part === kinds[at] && (typeof part !== "number" || Number.isSafeInteger(part)));
  if (!fits || direction === undefined) {
    const message = "The cursor doesn't belong to this list and its order; leave it out to start at the first page.";
    throw new Refusal("field_invalid", message, { fields: [{ field: "/cursor", message }] });
  }
  return { ...list, from: { key: key as PageKey, direction } };
}

/** The first item of a cursor, such as `after`, or `after name reversed`. */
function placeIn({ name, isReversed = false }: CursorOrder, direction: "after" | "before"): string {
  return [direction, ...(name === undefined ? [] : [name]), ...(isReversed ? ["reversed"] : [])].join(" ");
}

function decode(cursor: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** The paths of the next and the previous page, with the other parameters of the request. */
export function pageLinks<Item>(
  { items, hasNext, hasPrevious }: Page<Item>,
  target: string,
  keyOf: (item: Item) => PageKey,
  order: CursorOrder = BY_ID,
): { readonly next: string | null; readonly previous: string | null } {
  const [path = "", query = ""] = target.split("?", 2);
  const link = (direction: "after" | "before", item: Item | undefined) => {
    if (item === undefined) return null;
    const parameters = new URLSearchParams(query);
    parameters.set(
      "cursor",
      Buffer.from(JSON.stringify([placeIn(order, direction), ...keyOf(item)])).toString("base64url"),
    );
    return `${path}?${parameters.toString()}`;
  };
  return {
    next: hasNext ? link("after", items.at(-1)) : null,
    previous: hasPrevious ? link("before", items[0]) : null,
  };
}

/** The answer with one page of a list. @param keyOf the values that the list is ordered by, which the cursors hold */
export function listOf<Item, Shown>(
  page: Page<Item>,
  target: string,
  keyOf: (item: Item) => readonly (string | number)[],
  show: (item: Item) => Shown,
  order?: CursorOrder,
) {
  const { items, count, before } = page;
  return { data: items.map(show), count, before, ...pageLinks(page, target, keyOf, order) };
}
