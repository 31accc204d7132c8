import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import {
  type AuditEvent,
  auditExportHref,
  type EventFilter,
  useAuditChain,
  useAuditEvents,
} from "../../api/service.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { DataTable } from "../../ui/data-table.tsx";
import { FilterSelect } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { useTypedFilter } from "../../forms/typed-filter.ts";
import { EventDetails } from "./event-details.tsx";
import { ACTION_GROUPS, actorName, eventSentence, type SentencePart } from "./event-sentence.ts";
import "./audit-page.css";

/** Who did what, and when; that nobody changed the record since; and the record as a file. */
export default function AuditPage() {
  const me = useMe();
  const [, navigate] = useLocation();
  const { values, set, hasAny } = useFilters(["actor", "subject", "action", "from", "until"]);
  const { cursor, from, until, ...named } = values;
  const filter: EventFilter = {
    ...named,
    ...(from === undefined ? {} : { from: startOfDay(from) }),
    // The last day is among them; the API's bound isn't.
    ...(until === undefined ? {} : { until: dayAfter(until) }),
  };
  const query = useAuditEvents({ ...filter, ...(cursor === undefined ? {} : { cursor }) });
  const [opened, setOpened] = useState<AuditEvent>();
  const actor = useTypedFilter("actor", values.actor, set);
  const subject = useTypedFilter("subject", values.subject, set);
  return (
    <Page
      title="Audit log"
      about="Every change, by whom, each chained to the one before by its hash."
      actions={
        <>
          <Button
            component="a"
            variant="default"
            href={auditExportHref(filter, "csv")}
            leftSection={<Icon name="download" />}
            download
          >
            CSV
          </Button>
          <Button
            component="a"
            variant="default"
            href={auditExportHref(filter, "jsonl")}
            leftSection={<Icon name="download" />}
            download
          >
            JSON lines
          </Button>
        </>
      }
    >
      {permits(me, "viewer", { everywhere: true }) ? <Chain /> : null}
      <div className="filters">
        <TextInput
          className="filters-search"
          type="search"
          aria-label="Actor"
          placeholder="Actor, such as operator:ada@example.com"
          data-search
          aria-keyshortcuts="/"
          leftSection={<Icon name="search" size={15} />}
          spellCheck={false}
          autoComplete="off"
          {...actor}
        />
        <TextInput
          aria-label="Subject"
          placeholder="Subject, such as key:3"
          spellCheck={false}
          autoComplete="off"
          {...subject}
        />
        <FilterSelect
          label="About"
          value={values.action}
          onChange={(action) => set({ action })}
          options={[
            ["", "Everything"],
            ...ACTION_GROUPS,
            ...(values.action === undefined || ACTION_GROUPS.some(([group]) => group === values.action)
              ? []
              : [[values.action, values.action] as const]),
          ]}
        />
        <TextInput
          type="date"
          aria-label="From this day, in UTC"
          title="From this day, in UTC"
          value={dayOf(from)}
          onChange={(event) => set({ from: event.currentTarget.value })}
        />
        <TextInput
          type="date"
          aria-label="Until this day, in UTC"
          title="Until this day, in UTC"
          value={dayOf(until)}
          onChange={(event) => set({ until: event.currentTarget.value })}
        />
      </div>
      <DataTable
        caption="Audit events"
        query={query}
        keyOf={({ seq }) => seq}
        skeletonRows={12}
        columns={[
          { heading: "What", cell: (event) => <Sentence event={event} /> },
          { heading: "When", width: 150, cell: ({ at }) => <RelativeTime at={at} /> },
          {
            heading: "Number",
            width: 100,
            isEnd: true,
            isMinor: true,
            cell: ({ seq }) => <span className="faint">{seq}</span>,
          },
          {
            heading: "Details",
            width: 110,
            isActions: true,
            cell: (event) => (
              <Button
                size="xs"
                variant="subtle"
                color="gray"
                aria-label={`Details of event ${event.seq}`}
                onClick={() => setOpened(event)}
              >
                Details
              </Button>
            ),
          },
        ]}
        countOf={(count, isOne) => `${count} ${isOne ? "event" : "events"}`}
        paging={{ go: (next) => set({ cursor: next }) }}
        empty={
          hasAny ? (
            <Empty
              icon="search"
              title="No event matches"
              actions={
                <Button variant="default" onClick={() => navigate("/audit")}>
                  Clear the filters
                </Button>
              }
            >
              Actor and subject have to be whole, such as operator:ada@example.com or key:3.
            </Empty>
          ) : (
            <Empty icon="audit" title="Nothing has happened yet">
              Each change to accounts, API users, keys and operators will be here, and can't be taken out again.
            </Empty>
          )
        }
      />
      {opened === undefined ? null : <EventDetails event={opened} onClose={() => setOpened(undefined)} />}
    </Page>
  );
}

/** A day out of the address, for a field that takes nothing else; what else is there is the API's to refuse. */
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

/** `ada@example.com deactivated key 3 of api-1-demo` */
export function Sentence({ event }: { readonly event: AuditEvent }) {
  const { kind, name } = actorName(event.actor);
  return (
    <span className="sentence">
      <bdi className="sentence-actor">{name}</bdi>
      {kind === "" || kind === "operator" ? null : <span className="faint"> ({kind})</span>}
      {eventSentence(event).map((part, at) => (
        // A sentence's words have no other name than their place.
        <Word key={`${at}`} part={part} />
      ))}
    </span>
  );
}

function Word({ part }: { readonly part: SentencePart }) {
  if (typeof part === "string") return <> {part}</>;
  if (part.href === undefined) {
    return (
      <>
        {" "}
        <bdi className="sentence-name">{part.name}</bdi>
      </>
    );
  }
  return (
    <>
      {" "}
      <Link href={part.href}>
        <bdi>{part.name}</bdi>
      </Link>
    </>
  );
}

/** Whether the log is as it was written, checked on the server from its beginning. */
function Chain() {
  const { data, error, isFetching, refetch } = useAuditChain({ isEnabled: true });
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  if (data !== undefined && !data.ok) {
    return (
      <div className="problem" role="alert">
        <Icon name="alert" />
        <div className="problem-words">
          <strong>The audit log was tampered with.</strong>
          <span>
            The chain breaks at event {data.seq}: {data.problem}.
          </span>
        </div>
      </div>
    );
  }
  return (
    <Note kind={data === undefined ? "info" : "good"}>
      <div className="chain" role="status">
        {data === undefined || isFetching ? (
          <span>Checking the chain from its beginning…</span>
        ) : (
          <>
            <span>
              <strong>Chain verified:</strong> {data.events.toLocaleString("en")}{" "}
              {data.events === 1 ? "event is" : "events are"} as written. Noted elsewhere, the last hash proves it
              later, too:
            </span>
            <span className="chain-hash">
              <code>{data.last_hash}</code>
              <CopyButton isIcon text={data.last_hash ?? ""} label="Copy the last hash" />
            </span>
          </>
        )}
        <button type="button" className="text-button" onClick={() => void refetch()}>
          Check again
        </button>
      </div>
    </Note>
  );
}
