import { PAGE_ITEMS_DEFAULT } from "@countersign/protocol";
import type { Page, PageKey, PageRequest } from "../../../core/store/queries.ts";
import { Refusal } from "../../../core/refusal.ts";

/** What a list's query says of the page that is wanted. */
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
    const message = "The cursor isn't one that this list gave; leave it out to begin at the first page.";
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

/** The paths of the pages before and behind one, with everything else that was asked. */
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

/** A page as an answer. @param keyOf what the order of the list is by, as a cursor holds it */
export function listOf<Item, Shown>(
  page: Page<Item>,
  target: string,
  keyOf: (item: Item) => readonly (string | number)[],
  show: (item: Item) => Shown,
) {
  return { data: page.items.map(show), count: page.count, ...pageLinks(page, target, keyOf) };
}
