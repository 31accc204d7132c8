import { useSearchParams } from "wouter";

export type Direction = "ascending" | "descending";

/** The order of a list, kept in the page's address as the API names it. */
export interface Sorting<Order extends string = string> {
  readonly order: string;
  readonly direction: Direction;
  /** Each order that can be chosen now, with its own direction. */
  readonly orders: Readonly<Record<string, Direction | undefined>>;
  /** Chooses an order, and returns to the first page of the list. */
  readonly set: (order: string, direction: Direction) => void;
  /** For the API, as it is in the address; what is wrong there is the API's to refuse. */
  readonly query: { readonly order?: Order; readonly direction?: Direction };
}

/** @param orders those that can be chosen, each with its own direction; the first is the default */
export function useSorting<const Order extends string>(
  orders: {
    readonly [Name in Order]?: Direction;
  },
): Sorting<Order> {
  const [params, setParams] = useSearchParams();
  const [fallback = ""] = Object.keys(orders);
  const own: Readonly<Record<string, Direction | undefined>> = orders;
  const given = { order: params.get("order") ?? "", direction: params.get("direction") ?? "" };
  const order = Object.hasOwn(orders, given.order) ? given.order : fallback;
  const direction = isDirection(given.direction) ? given.direction : (own[order] ?? "ascending");
  function set(wanted: string, turned: Direction): void {
    setParams((current) => {
      const next = new URLSearchParams(current);
      for (const name of ["cursor", "order", "direction"]) next.delete(name);
      if (wanted !== fallback) next.set("order", wanted);
      if (turned !== own[wanted]) next.set("direction", turned);
      return next;
    });
  }
  const query = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  return { order, direction, orders: own, set, query };
}

function isDirection(text: string): text is Direction {
  return text === "ascending" || text === "descending";
}
