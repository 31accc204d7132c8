import { Link } from "wouter";
import { type Delivery, useDeliveries } from "../../api/webhooks.ts";
import { useFilters } from "../../forms/search-state.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { numberText, t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

const COLUMNS: readonly Column<Delivery>[] = [
  {
    heading: t("webhooks.event"),
    width: 200,
    cell: ({ action, event_seq: seq }) => (
      <span>
        <Link href={`/audit?action=${encodeURIComponent(action)}`}>
          <code>{action}</code>
        </Link>{" "}
        <span className="faint number nowrap">
          <T id="webhooks.eventNumber" values={{ seq }} />
        </span>
      </span>
    ),
  },
  { heading: t("webhooks.attempt"), width: 75, isEnd: true, cell: ({ attempt }) => attempt },
  { heading: t("common.when"), width: 122, cell: ({ at }) => <RelativeTime at={at} /> },
  {
    heading: t("common.status"),
    width: 110,
    cell: ({ outcome }) => <StatusBadge status={outcome === "delivered" ? "delivered" : "failed"} />,
  },
  {
    heading: t("webhooks.result"),
    cell: ({ message }) => (
      <span className="soft">
        <ServerText>{message}</ServerText>
      </span>
    ),
  },
  {
    heading: t("common.time"),
    width: 104,
    isEnd: true,
    cell: ({ duration_ms: ms }) => <span className="nowrap">{t("webhooks.ms", { ms: numberText(ms) })}</span>,
  },
];

/** The last attempts to deliver to an endpoint, newest first. */
export function Deliveries({ id }: { readonly id: number }) {
  const { values, goTo } = useFilters();
  const query = useDeliveries(id, values.cursor);
  return (
    <DataTable
      caption={t("webhooks.deliveries")}
      columns={COLUMNS}
      query={query}
      keyOf={(delivery) => delivery.id}
      counted={(count) => t("webhooks.attemptCount", { count })}
      goTo={goTo}
      empty={
        <Empty icon="webhook" title={t("webhooks.noDelivery")}>
          {t("webhooks.noDeliveryAbout")}
        </Empty>
      }
    />
  );
}
