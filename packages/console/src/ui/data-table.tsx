import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Listed } from "../api/client.ts";
import { Icon } from "./icon.tsx";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import "./data-table.css";

/** A column. `isEnd` for numbers; `isActions` for what one can do, which needs no visible heading. */
export interface Column<Item> {
  readonly heading: string;
  readonly cell: (item: Item) => ReactNode;
  readonly isEnd?: boolean;
  readonly isActions?: boolean;
  /** What a phone leaves out. */
  readonly isMinor?: boolean;
  /** In px. Where all columns but the first have one, nothing moves when the rows come. */
  readonly width?: number;
}

/**
 * A list in all its states: being read, refused, empty, and there. Its height while being read is that of what will probably be
 * there; on a phone its rows become cards.
 */
export function DataTable<Item>({
  caption,
  columns,
  query,
  keyOf,
  empty,
  paging,
  countOf,
  skeletonRows = 5,
  skeletonHeight,
}: {
  /** What the table lists, for who can't see it. */
  readonly caption: string;
  readonly columns: readonly Column<Item>[];
  readonly query: UseQueryResult<Listed<Item>>;
  readonly keyOf: (item: Item) => string | number;
  readonly empty: ReactNode;
  readonly paging?: { readonly go: (cursor: string | undefined) => void };
  /** `1,204 API users` */
  readonly countOf?: (count: string, isOne: boolean) => string;
  readonly skeletonRows?: number;
  /** How high a row will be, in px, where it has more than a line. */
  readonly skeletonHeight?: number;
}) {
  const { data, error, isPending, isPlaceholderData } = query;
  if (error !== null && data === undefined) {
    return (
      <div className="card card-inside">
        <Problem error={error} retry={() => void query.refetch()} />
      </div>
    );
  }
  if (data !== undefined && data.items.length === 0 && data.previous === undefined) {
    return <div className="card">{empty}</div>;
  }
  return (
    <div className="card">
      {error === null ? null : (
        <div className="card-inside">
          <Problem error={error} retry={() => void query.refetch()} />
        </div>
      )}
      <div className="table-frame" aria-busy={isPending || isPlaceholderData}>
        <table className={columns.some(({ width }) => width !== undefined) ? "table is-fixed" : "table"}>
          <caption className="visually-hidden">{caption}</caption>
          <colgroup>
            {columns.map(({ heading, width }) => (
              <col key={heading} {...(width === undefined ? {} : { style: { width } })} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {columns.map(({ heading, isEnd, isActions }) => (
                <th key={heading} scope="col" className={isEnd === true || isActions === true ? "is-end" : undefined}>
                  {isActions === true ? <span className="visually-hidden">{heading}</span> : heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data === undefined
              ? Array.from({ length: skeletonRows }, (_, row) => (
                  <tr key={row}>
                    {columns.map(({ heading }, column) => (
                      <td
                        key={heading}
                        data-label={heading}
                        {...(skeletonHeight === undefined ? {} : { style: { height: skeletonHeight } })}
                      >
                        <Bone width={column === 0 ? 150 : 60} />
                      </td>
                    ))}
                  </tr>
                ))
              : data.items.map((item) => (
                  <tr key={keyOf(item)}>
                    {columns.map(({ heading, cell, isEnd, isActions, isMinor }) => (
                      <td key={heading} data-label={heading} className={classOf({ isEnd, isActions, isMinor })}>
                        {cell(item)}
                      </td>
                    ))}
                  </tr>
                ))}
          </tbody>
        </table>
      </div>
      {countOf === undefined || data === undefined ? null : (
        <div className="table-foot">
          <span className="number" role="status">
            {countOf(countText(data), data.count === 1)}
          </span>
          {paging === undefined ? null : <Pager list={data} go={paging.go} />}
        </div>
      )}
    </div>
  );
}

function classOf({ isEnd, isActions, isMinor }: { [Name in "isEnd" | "isActions" | "isMinor"]: boolean | undefined }) {
  if (isActions === true) return "is-end is-actions";
  return [isEnd === true ? "is-end number" : "", isMinor === true ? "is-minor" : ""].join(" ").trim();
}

function countText({ count, isCountMinimum }: Listed<unknown>): string {
  return isCountMinimum ? `more than ${count.toLocaleString("en")}` : count.toLocaleString("en");
}

function Pager({ list, go }: { readonly list: Listed<unknown>; readonly go: (cursor: string | undefined) => void }) {
  if (list.previous === undefined && list.next === undefined) return null;
  return (
    <nav className="row" aria-label="Pages">
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="left" size={14} />}
        disabled={list.previous === undefined}
        onClick={() => go(list.previous)}
      >
        Previous
      </Button>
      <Button
        variant="default"
        size="xs"
        rightSection={<Icon name="right" size={14} />}
        disabled={list.next === undefined}
        onClick={() => go(list.next)}
      >
        Next
      </Button>
    </nav>
  );
}
