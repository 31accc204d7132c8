import { PAGE_ITEMS_DEFAULT } from "@countersign/protocol";
import type { Page, PageKey, PageRequest } from "../../../core/store/page.ts";
import { Refusal } from "../../../core/refusal.ts";

/** The members of a list's query that choose a page. */
export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/**
 * Reads a cursor: base64url of JSON, `["after" | "before", ...key]`. Opaque to clients; made by {@link pageLinks}.
 *
 * @param kinds the types of the key's parts
 * @throws {Refusal} `field_invalid`
 */
export function parsePage(
  { limit = PAGE_ITEMS_DEFAULT, cursor }: PageQuery,
  kinds: readonly ("number" | "string")[] = ["number"],
): PageRequest {
  if (cursor === undefined) return { limit };
  const [direction, ...key] = decode(cursor);
  const fits =
    key.length === kinds.length &&
    key.every((part, at) => typeof part === kinds[at] && (typeof part !== "number" || Number.isSafeInteger(part)));
  if (!fits || (direction !== "after" && direction !== "before")) {
    const message = "The cursor doesn't belong to this list; leave it out to start at the first page.";
    throw new Refusal("field_invalid", message, { fields: [{ field: "/cursor", message }] });
  }
  return { limit, from: { key: key as PageKey, direction } };
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
): { readonly next: string | null; readonly previous: string | null } {
  const [path = "", query = ""] = target.split("?", 2);
  const link = (direction: "after" | "before", item: Item | undefined) => {
    if (item === undefined) return null;
    const parameters = new URLSearchParams(query);
    parameters.set("cursor", Buffer.from(JSON.stringify([direction, ...keyOf(item)])).toString("base64url"));
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
) {
  const { items, count, before } = page;
  return { data: items.map(show), count, before, ...pageLinks(page, target, keyOf) };
}
