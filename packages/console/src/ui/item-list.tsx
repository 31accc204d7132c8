import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { ListPage } from "../api/client.ts";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import "./list.css";

/** A short list in all its states: loading, failed, empty and loaded. @param children shows an item as a {@link ListItem} with a key */
export function ItemList<Item>({
  query: { data, error, refetch },
  empty,
  children,
}: {
  readonly query: UseQueryResult<ListPage<Item>>;
  readonly empty: string;
  readonly children: (item: Item) => ReactNode;
}) {
  if (error !== null && data === undefined) {
    return (
      <div className="card-inside">
        <Problem error={error} retry={() => void refetch()} />
      </div>
    );
  }
  return (
    <ul className="list" aria-busy={data === undefined}>
      {data === undefined ? (
        <li className="list-item">
          <Bone width="60%" height={36} />
        </li>
      ) : null}
      {data?.items.length === 0 ? <li className="list-item faint">{empty}</li> : null}
      {data?.items.map(children)}
    </ul>
  );
}

/** What something is called, what is to be known about it, and its button. */
export function ListItem({
  name,
  facts,
  action,
}: {
  readonly name: ReactNode;
  readonly facts: ReactNode;
  readonly action: ReactNode;
}) {
  return (
    <li className="list-item">
      <div className="list-words">
        {name}
        <span className="faint">{facts}</span>
      </div>
      {action}
    </li>
  );
}
