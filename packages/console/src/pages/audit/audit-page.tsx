import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { permits, useMe } from "../../api/me.ts";
import { type AuditEvent, auditExportHref, type EventFilter, useAuditEvents } from "../../api/service.ts";
import { DataTable } from "../../ui/data-table.tsx";
import { FilterSelect, SearchField } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useFilters, useTypedFilter } from "../../forms/search-state.ts";
import { useSorting } from "../../forms/sorting.ts";
import { ChainStatus } from "./chain-status.tsx";
import { EventDetails } from "./event-details.tsx";
import { ACTION_GROUPS } from "../../text/event-sentence.ts";
import { Sentence } from "../../ui/sentence.tsx";
import { t } from "../../text/t.ts";
import "./audit-page.css";

/** The audit log: every change, proof that the log is unaltered, and the log as a file. */
export default function AuditPage() {
  const me = useMe();
  const filters = useFilters(["actor", "subject", "action", "from", "until"]);
  const { cursor, actor, from, until, ...named } = filters.values;
  const filter: EventFilter = {
    ...named,
    ...(actor === undefined ? {} : { actor_contains: actor }),
    ...(from === undefined ? {} : { from: startOfDay(from) }),
    // The chosen day is included; the API excludes its bound.
    ...(until === undefined ? {} : { until: dayAfter(until) }),
  };
  const sorting = useSorting({ newest: "descending" });
  const query = useAuditEvents({ ...filter, ...sorting.query, ...(cursor === undefined ? {} : { cursor }) });
  const [opened, setOpened] = useState<AuditEvent>();
  const subject = useTypedFilter(filters, "subject");
  return (
    <Page
      title={t("common.auditLog")}
      about={t("audit.about")}
      actions={
        <>
          <Button
            component="a"
            variant="default"
            href={auditExportHref(filter, "csv")}
            leftSection={<Icon name="download" />}
            download
          >
            {t("common.csv")}
          </Button>
          <Button
            component="a"
            variant="default"
            href={auditExportHref(filter, "jsonl")}
            leftSection={<Icon name="download" />}
            download
          >
            {t("audit.jsonLines")}
          </Button>
        </>
      }
    >
      {permits(me, "viewer", { everywhere: true }) ? <ChainStatus /> : null}
      <div className="filters">
        <SearchField label={t("audit.actor")} placeholder={t("audit.actorFilter")} name="actor" filters={filters} />
        <TextInput
          aria-label={t("audit.subject")}
          placeholder={t("audit.subjectFilter")}
          spellCheck={false}
          autoComplete="off"
          {...subject}
        />
        <FilterSelect
          label={t("common.kind")}
          name="action"
          filters={filters}
          options={[
            ["", t("filter.allEvents")],
            ...ACTION_GROUPS,
            ...(named.action === undefined || ACTION_GROUPS.some(([group]) => group === named.action)
              ? []
              : [[named.action, named.action] as const]),
          ]}
        />
        <TextInput
          type="date"
          aria-label={t("audit.fromFilter")}
          title={t("audit.fromFilter")}
          value={dayOf(from)}
          onChange={(event) => filters.set("from", event.currentTarget.value)}
        />
        <TextInput
          type="date"
          aria-label={t("audit.untilFilter")}
          title={t("audit.untilFilter")}
          value={dayOf(until)}
          onChange={(event) => filters.set("until", event.currentTarget.value)}
        />
      </div>
      <DataTable
        caption={t("audit.caption")}
        query={query}
        keyOf={({ seq }) => seq}
        skeletonRows={12}
        columns={[
          { heading: t("audit.what"), cell: (event) => <Sentence event={event} /> },
          {
            heading: t("common.when"),
            sort: { order: "newest", kind: "time" },
            width: 150,
            cell: ({ at }) => <RelativeTime at={at} />,
          },
          {
            heading: t("common.number"),
            width: 100,
            isEnd: true,
            isMinor: true,
            cell: ({ seq }) => <span className="faint">{seq}</span>,
          },
          {
            heading: t("audit.details"),
            width: 110,
            isActions: true,
            cell: (event) => (
              <Button
                size="xs"
                variant="subtle"
                color="gray"
                aria-label={t("audit.detailsOfEvent", { seq: event.seq })}
                onClick={() => setOpened(event)}
              >
                {t("audit.details")}
              </Button>
            ),
          },
        ]}
        counted={(count) => t("audit.count", { count })}
        goTo={filters.goTo}
        sorting={sorting}
        empty={
          filters.hasAny ? (
            <NoMatch title={t("audit.noEventMatches")} path="/audit">
              {t("audit.noMatchHint")}
            </NoMatch>
          ) : (
            <Empty icon="audit" title={t("audit.noEventsYet")}>
              {t("audit.emptyAbout")}
            </Empty>
          )
        }
      />
      {opened === undefined ? null : <EventDetails event={opened} onClose={() => setOpened(undefined)} />}
    </Page>
  );
}

/** The day in the address, for a date field. Anything else leaves the field empty and is the API's to refuse. */
function dayOf(text = ""): string {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : "";
}

function startOfDay(day: string): string {
  return `${day}T00:00:00Z`;
}

function dayAfter(day: string): string {
  const atMs = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(atMs) ? day : new Date(atMs + 86_400_000).toISOString();
}
