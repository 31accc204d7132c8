import { PAGE_ITEMS_MAX } from "@countersign/protocol";
import type { Page, PageKey, PageRequest } from "./page.ts";

/** Reads every page of a list, in order. @param keyOf an item's place in the list, which is its id in most lists */
export async function readAllPages<Item extends { readonly id: number }>(
  readPage: (page: PageRequest) => Promise<Page<Item>>,
  keyOf: (item: Item) => PageKey = ({ id }) => [id],
): Promise<readonly Item[]> {
  const all: Item[] = [];
  for (let from: PageRequest["from"]; ; ) {
    const { items, hasNext } = await readPage({ limit: PAGE_ITEMS_MAX, from });
    all.push(...items);
    const last = items.at(-1);
    if (!hasNext || last === undefined) return all;
    from = { key: keyOf(last), direction: "after" };
  }
}
