/**
 * Pages of a list, by keyset rather than by offset: a page starts after or before the key of an item, so that nothing is skipped
 * or shown twice when rows come or go, and a page deep in a million rows costs what the first one does.
 */

/** Asks for a part of a list. */
export interface PageRequest {
  /** From 1 on. */
  readonly limit: number;
  /**
   * Where the page begins: after the item with this key, in the list's direction, or before it. Each list says what its key is.
   * Neither: the first page.
   */
  readonly from?: { readonly key: PageKey; readonly direction: "after" | "before" } | undefined;
}

export type PageKey = readonly (string | number)[];

/** A part of a list, always in the list's order. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Is there something before the first item, and after the last one? */
  readonly hasPrevious: boolean;
  readonly hasNext: boolean;
  /** How many items match in all; counted up to one more than `COUNT_MAX`. */
  readonly count: number;
}
