import { Link } from "wouter";
import { type Delivery, useDeliveries } from "../../api/webhooks.ts";
import { useFilters } from "../../forms/search-state.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";

const COLUMNS: readonly Column<Delivery>[] = [
  {
    heading: "Event",
    cell: ({ action, event_seq: seq }) => (
      <span>
        <Link href={`/audit?action=${encodeURIComponent(action)}`}>
          <code>{action}</code>
        </Link>{" "}
        <span className="faint number nowrap">event {seq}</span>
      </span>
    ),
  },
  { heading: "Attempt", width: 80, isEnd: true, cell: ({ attempt }) => attempt },
  { heading: "When", width: 130, cell: ({ at }) => <RelativeTime at={at} /> },
  {
    heading: "Status",
    width: 110,
    cell: ({ outcome }) => <StatusBadge status={outcome === "delivered" ? "delivered" : "failed"} />,
  },
  { heading: "Result", width: 320, cell: ({ message }) => <span className="soft">{message}</span> },
  {
    heading: "Time",
    width: 90,
    isEnd: true,
    cell: ({ duration_ms: ms }) => <span className="nowrap">{ms.toLocaleString("en")} ms</span>,
  },
];

/** The last attempts to deliver to an endpoint, newest first. */
export function Deliveries({ id }: { readonly id: number }) {
  const { values, goTo } = useFilters();
  const query = useDeliveries(id, values.cursor);
  return (
    <DataTable
      caption="Deliveries"
      columns={COLUMNS}
      query={query}
      keyOf={(delivery) => delivery.id}
      nouns={["attempt", "attempts"]}
      goTo={goTo}
      empty={
        <Empty icon="webhook" title="Nothing was delivered yet">
          The next event that the endpoint wants is sent within seconds. “Send a test” doesn't wait for one.
        </Empty>
      }
    />
  );
}
