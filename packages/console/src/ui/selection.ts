import { type ReactNode, useState } from "react";

/** What is chosen of the items that a table shows. */
export interface Selection<Item> {
  readonly chosen: readonly Item[];
  readonly canChoose: (item: Item) => boolean;
  readonly isChosen: (item: Item) => boolean;
  readonly choose: (items: readonly Item[], isChosen: boolean) => void;
  /** What the item's box is called. */
  readonly labelOf: (item: Item) => string;
  /** What can be done with the chosen items, while there are any. */
  readonly actions: ReactNode;
}

/**
 * The chosen items of a page of a list. They are forgotten with another page or filter, so that nothing is chosen that isn't shown.
 *
 * @param place the page and its filters
 */
export function useSelection<Item>(
  items: readonly Item[],
  place: string,
  { keyOf, canChoose }: Pick<Selection<Item>, "canChoose"> & { readonly keyOf: (item: Item) => string | number },
): Omit<Selection<Item>, "labelOf" | "actions"> & { readonly clear: () => void } {
  const [keys, setKeys] = useState<ReadonlySet<string | number>>(new Set());
  const [seen, setSeen] = useState(place);
  // Not only ignored: the choice would be back with the page.
  if (seen !== place) {
    setSeen(place);
    setKeys(new Set());
  }
  const isChosen = (item: Item) => keys.has(keyOf(item)) && canChoose(item);
  return {
    chosen: seen === place ? items.filter(isChosen) : [],
    canChoose,
    isChosen,
    choose: (those, wanted) => {
      const next = new Set(keys);
      for (const item of those.filter(canChoose)) {
        if (wanted) next.add(keyOf(item));
        else next.delete(keyOf(item));
      }
      setKeys(next);
    },
    clear: () => setKeys(new Set()),
  };
}
