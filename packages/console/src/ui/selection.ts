import { useState } from "react";

/** What is chosen of the items that a table shows. */
export interface Selection<Item> {
  readonly isChosen: (item: Item) => boolean;
  readonly choose: (items: readonly Item[], isChosen: boolean) => void;
  /** What the item's box is called. */
  readonly labelOf: (item: Item) => string;
}

/**
 * The chosen items of a page of a list. They are forgotten with another page or filter, so that nothing is chosen that isn't shown.
 *
 * @param place the page and its filters
 */
export function useSelection<Item>(
  items: readonly Item[],
  place: string,
  keyOf: (item: Item) => string | number,
  labelOf: (item: Item) => string,
): Selection<Item> & { readonly chosen: readonly Item[]; readonly clear: () => void } {
  const [state, setState] = useState<{ readonly place: string; readonly keys: ReadonlySet<string | number> }>({
    place,
    keys: new Set(),
  });
  const keys = state.place === place ? state.keys : new Set<string | number>();
  const isChosen = (item: Item) => keys.has(keyOf(item));
  return {
    chosen: items.filter(isChosen),
    isChosen,
    labelOf,
    choose: (those, wanted) => {
      const next = new Set(keys);
      for (const item of those) {
        if (wanted) next.add(keyOf(item));
        else next.delete(keyOf(item));
      }
      setState({ place, keys: next });
    },
    clear: () => setState({ place, keys: new Set() }),
  };
}
