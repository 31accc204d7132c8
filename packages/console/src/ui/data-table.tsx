import { Button, NativeSelect } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import type { ListPage } from "../api/client.ts";
import type { Sorting } from "../forms/sorting.ts";
import { Icon } from "./icon.tsx";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import { csvText } from "../text/csv-text.ts";
import { t } from "../text/t.ts";
import type { Selection } from "./selection.ts";
import { offerDownload } from "./offer-download.ts";
import "./data-table.css";

/** A column of a table. */
export interface Column<Item> {
  readonly heading: string;
  readonly cell: (item: Item) => ReactNode;
  /** Aligned at the end, for numbers. */
  readonly isEnd?: boolean;
  /** For buttons; its heading is only for screen readers. */
  readonly isActions?: boolean;
  /** On a phone it stands beside the first cell: for a status. */
  readonly isLead?: boolean;
  /** Hidden where the table has little room. */
  readonly isMinor?: boolean;
  /** The order that its heading chooses, as the API names it. */
  readonly sort?: { readonly order: string; readonly kind: "text" | "time" };
  /** In px, with a padding of 12 px on both sides. If all columns but one have a width, nothing moves when the rows arrive. */
  readonly width?: number;
}

/** What a table's CSV file is called, and the fields of an item that it has. */
export interface TableFile<Item> {
  readonly fileName: string;
  readonly fields: readonly (keyof Item & string)[];
}

/**
 * A list in all its states: loading, failed, empty and loaded. While it loads, it has the height it will probably have. On a phone,
 * rows become cards.
 */
export function DataTable<Item>({
  caption,
  columns,
  query,
  keyOf,
  empty,
  goTo,
  counted,
  csv,
  sorting,
  selection,
  skeletonRows = 5,
  skeletonHeight,
}: {
  /** What the table lists, for screen readers. */
  readonly caption: ReactNode;
  readonly columns: readonly Column<Item>[];
  readonly query: UseQueryResult<ListPage<Item>>;
  readonly keyOf: (item: Item) => string | number;
  readonly empty: ReactNode;
  /** Goes to another page; if omitted, there is only one. */
  readonly goTo?: (cursor: string | undefined) => void;
  /** The count below the table, such as `50 API users`; if omitted, none is shown. */
  readonly counted?: (count: number) => string;
  /** The shown page as a file beside the count, with these fields; if omitted, it isn't offered. */
  readonly csv?: TableFile<Item>;
  /** Lets the headings of columns with a `sort` choose the order; below it in narrow tables, a field does. */
  readonly sorting?: Sorting;
  /** Puts a box beside each first cell; above them, one for all that are shown, and what can be done with those that are chosen. */
  readonly selection?: Selection<Item>;
  readonly skeletonRows?: number;
  /** The height of a row in px, if it has more than one line. */
  readonly skeletonHeight?: number;
}) {
  const { data, error, isPending, isPlaceholderData } = query;
  const table = useRef<HTMLTableElement>(null);
  // To the beginning of the table, too: the pager is below it, and its button may be disabled on that page.
  function goToPage(cursor: string | undefined): void {
    goTo?.(cursor);
    table.current?.focus({ preventScroll: true });
    table.current?.scrollIntoView({ block: "start" });
  }
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
        {sorting === undefined ? null : <OrderField columns={columns} sorting={sorting} />}
        {selection === undefined || data === undefined ? null : (
          <div className="table-all">
            <AllBox items={data.items} selection={selection} />
            <div className="row">
              <span role="status">
                {selection.chosen.length === 0 ? null : t("ui.selectedCount", { count: selection.chosen.length })}
              </span>
              {selection.chosen.length === 0 ? null : selection.actions}
            </div>
          </div>
        )}
        <table
          ref={table}
          tabIndex={-1}
          className={columns.some(({ width }) => width !== undefined) ? "table is-fixed" : "table"}
        >
          <caption className="visually-hidden">{caption}</caption>
          <colgroup>
            {columns.map(({ heading, width, isActions, isMinor }) => (
              <col key={heading} className={classOf({ isMinor })} {...colWidth(width, isActions)} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {columns.map(({ heading, isEnd, isActions, isMinor, sort }) => (
                <th
                  key={heading}
                  scope="col"
                  className={classOf({ isEnd, isActions, isMinor })}
                  {...ariaSort(sort, sorting)}
                >
                  {isActions === true ? (
                    <span className="visually-hidden">{heading}</span>
                  ) : sort === undefined || sorting?.orders[sort.order] === undefined ? (
                    heading
                  ) : (
                    <SortButton heading={heading} order={sort.order} sorting={sorting} />
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data === undefined
              ? Array.from({ length: skeletonRows }, (_, row) => (
                  <tr key={row}>
                    {columns.map(({ heading, isMinor }, column) => (
                      <td
                        key={heading}
                        data-label={heading}
                        className={classOf({ isMinor })}
                        {...(skeletonHeight === undefined ? {} : { style: { height: skeletonHeight } })}
                      >
                        <Bone width={column === 0 ? 150 : 60} />
                      </td>
                    ))}
                  </tr>
                ))
              : data.items.map((item) => (
                  <tr key={keyOf(item)}>
                    {columns.map(({ heading, cell, ...kind }, column) => (
                      <td key={heading} data-label={heading} className={classOf(kind)}>
                        {selection === undefined || column > 0 ? (
                          cell(item)
                        ) : (
                          <div className="chosen-cell">
                            <input
                              type="checkbox"
                              aria-label={selection.labelOf(item)}
                              disabled={!selection.canChoose(item)}
                              checked={selection.isChosen(item)}
                              onChange={(event) => selection.choose([item], event.currentTarget.checked)}
                            />
                            {cell(item)}
                          </div>
                        )}
                      </td>
                    ))}
                  </tr>
                ))}
          </tbody>
        </table>
      </div>
      {counted === undefined || data === undefined ? null : (
        <div className="table-foot">
          <span className="number" role="status">
            {placeOf(data, counted)}
          </span>
          <div className="row">
            {csv === undefined ? null : <CsvButton items={data.items} csv={csv} />}
            {goTo === undefined ? null : <Pager list={data} goTo={goToPage} />}
          </div>
        </div>
      )}
    </div>
  );
}

/** Chooses all items that are shown and can be chosen, or none. */
function AllBox<Item>({
  items: shown,
  selection,
}: {
  readonly items: readonly Item[];
  readonly selection: Selection<Item>;
}) {
  const items = shown.filter(selection.canChoose);
  const isAll = items.length > 0 && items.every(selection.isChosen);
  const isSome = !isAll && items.some(selection.isChosen);
  return (
    <label className="chosen-cell">
      <input
        type="checkbox"
        ref={(box) => {
          if (box !== null) box.indeterminate = isSome;
        }}
        disabled={items.length === 0}
        checked={isAll}
        onChange={(event) => selection.choose(items, event.currentTarget.checked)}
      />
      {t("ui.selectAllShown")}
    </label>
  );
}

/** Whether the list is in the order of this column, for screen readers. */
function ariaSort(sort: Column<unknown>["sort"], sorting: Sorting | undefined) {
  if (sort === undefined || sorting?.orders[sort.order] === undefined) return {};
  return { "aria-sort": sorting.order === sort.order ? sorting.direction : "none" } as const;
}

/** Sorts by the column; if the list is sorted by it already, turns its order around. */
function SortButton({
  heading,
  order,
  sorting: { order: current, direction, orders, set },
}: {
  readonly heading: string;
  readonly order: string;
  readonly sorting: Sorting;
}) {
  const isCurrent = order === current;
  const next = isCurrent ? (direction === "ascending" ? "descending" : "ascending") : (orders[order] ?? "ascending");
  const icon = isCurrent ? (direction === "ascending" ? "up" : "down") : "sort";
  return (
    <>
      <span className="sort-heading">{heading}</span>
      <button type="button" className="sort-button" onClick={() => set(order, next)}>
        {heading}
        <Icon name={icon} size={12} />
      </button>
    </>
  );
}

/** Chooses the order where the table is too narrow for all headings. */
function OrderField<Item>({
  columns,
  sorting: { order, direction, orders, set },
}: {
  readonly columns: readonly Column<Item>[];
  readonly sorting: Sorting;
}) {
  const options = columns.flatMap(({ heading, sort }) => {
    if (sort === undefined || orders[sort.order] === undefined) return [];
    const [ascending, descending] =
      sort.kind === "text"
        ? [t("ui.aToZ", { heading }), t("ui.zToA", { heading })]
        : [t("ui.earliestFirst", { heading }), t("ui.latestFirst", { heading })];
    return [
      { value: `${sort.order} ascending`, label: ascending },
      { value: `${sort.order} descending`, label: descending },
    ];
  });
  return (
    <div className="table-order">
      <NativeSelect
        aria-label={t("ui.order")}
        size="xs"
        value={`${order} ${direction}`}
        data={options}
        onChange={(event) => {
          const [chosen = order, turned] = event.currentTarget.value.split(" ");
          set(chosen, turned === "descending" ? turned : "ascending");
        }}
      />
    </div>
  );
}

/** What is shown of the list: `51–100 of 5,003 API users`, or only the count where that is all. */
function placeOf<Item>(
  { items, count, isCountMinimum, position, ...links }: ListPage<Item>,
  counted: (count: number) => string,
) {
  const all = isCountMinimum ? t("ui.moreThan", { counted: counted(count) }) : counted(count);
  if (position === null || (links.previous === undefined && links.next === undefined)) return all;
  return t("ui.positions", { first: position, last: position + items.length - 1, counted: all });
}

/** The table's width in px up to which it has less room: minor columns are hidden, and each cell has this much less padding. */
const NARROW_MAX = 960;
const PADDING_LESS = 8;

function colWidth(width: number | undefined, isActions: boolean | undefined) {
  if (width === undefined) return {};
  if (isActions === true) return { style: { width } };
  return { style: { width: `min(${width}px, ${width - PADDING_LESS}px + max(0px, 100cqw - ${NARROW_MAX}px))` } };
}

function classOf({
  isEnd,
  isActions,
  isMinor,
  isLead,
}: {
  readonly [Name in "isEnd" | "isActions" | "isMinor" | "isLead"]?: boolean | undefined;
}) {
  if (isActions === true) return "is-end is-actions";
  return [isEnd === true && "is-end number", isMinor === true && "is-minor", isLead === true && "is-lead"]
    .filter((name) => name !== false)
    .join(" ");
}

function CsvButton<Item>({ items, csv }: { readonly items: readonly Item[]; readonly csv: TableFile<Item> }) {
  return (
    <Button
      variant="default"
      size="xs"
      title={t("ui.csvAbout")}
      leftSection={<Icon name="download" size={14} />}
      onClick={() => offerDownload(csv.fileName, csvText(items, csv.fields), "text/csv")}
    >
      {t("common.csv")}
    </Button>
  );
}

function Pager({
  list,
  goTo,
}: {
  readonly list: ListPage<unknown>;
  readonly goTo: (cursor: string | undefined) => void;
}) {
  if (list.previous === undefined && list.next === undefined) return null;
  return (
    <nav className="row" aria-label={t("ui.pages")}>
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="left" size={14} />}
        disabled={list.previous === undefined}
        onClick={() => goTo(list.previous)}
      >
        {t("ui.previous")}
      </Button>
      <Button
        variant="default"
        size="xs"
        rightSection={<Icon name="right" size={14} />}
        disabled={list.next === undefined}
        onClick={() => goTo(list.next)}
      >
        {t("ui.next")}
      </Button>
    </nav>
  );
}
