import { PAGE_ITEMS_MAX } from "@countersign/protocol";
import type { Page, PageRequest } from "../core/store/page.ts";

/** Reads every page of a list, in order. @param readPage reads one page of a list whose key is the id */
export async function readAllPages<Item extends { readonly id: number }>(
  readPage: (page: PageRequest) => Promise<Page<Item>>,
): Promise<readonly Item[]> {
  const all: Item[] = [];
  for (let from: PageRequest["from"]; ; ) {
    const { items, hasNext } = await readPage({ limit: PAGE_ITEMS_MAX, from });
    all.push(...items);
    const last = items.at(-1);
    if (!hasNext || last === undefined) return all;
    from = { key: [last.id], direction: "after" };
  }
}
