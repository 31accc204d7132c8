/**
 * Pages of a list, by keyset instead of offset: a page starts after or before the key of an item. Nothing is skipped or repeated when
 * rows are added or removed, and a page deep in a million rows costs as much as the first one.
 */

/** Selects a page of a list. */
export interface PageRequest {
  /** The maximum number of items, at least 1. */
  readonly limit: number;
  /**
   * The page begins after, or ends before, the item with this key. Each list documents its key. `undefined`: the first page.
   */
  readonly from?: { readonly key: PageKey; readonly direction: "after" | "before" } | undefined;
  /** The list from its end: what is last otherwise comes first, and `after` leads the other way. */
  readonly isReversed?: boolean | undefined;
}

export type PageKey = readonly (string | number)[];

/** A page of a list, always in the list's order or, if it was asked for, in the reversed one. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Are there items before the first one, and after the last one? */
  readonly hasPrevious: boolean;
  readonly hasNext: boolean;
  /** How many items match in total, counted up to `COUNT_MAX` + 1. */
  readonly count: number;
  /** How many items are before the first one, counted up to `COUNT_MAX` + 1; 0 for an empty page. */
  readonly before: number;
}
