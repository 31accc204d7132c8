import { Button } from "@mantine/core";
import type { Finding } from "../../api/service.ts";
import { useDiagnosis } from "../../api/service.ts";
import { permits, useMe } from "../../api/me.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import "./health-page.css";

const COLUMNS: readonly Column<Finding>[] = [
  {
    heading: "Check",
    cell: ({ title, looked_at: lookedAt }) => (
      <span className="finding">
        <strong className="name">{title}</strong>
        <span className="faint">{lookedAt}</span>
      </span>
    ),
  },
  { heading: "Severity", cell: ({ severity }) => <StatusBadge status={severity} /> },
  {
    heading: "Finding",
    cell: ({ found, fix, code, severity }) => (
      <span className="finding">
        <bdi>{found}</bdi>
        {fix === null ? null : <span>{fix}</span>}
        {severity === "ok" ? null : <code>{code}</code>}
      </span>
    ),
  },
];

/** Shows what the node that answers finds wrong with itself, and what to do. */
export default function HealthPage() {
  const me = useMe();
  const mayRead = permits(me, "admin", { everywhere: true });
  const query = useDiagnosis({ isEnabled: mayRead });
  if (!mayRead) {
    return (
      <Page title="Health" about="What is wrong with the service, and what to do.">
        <RoleNote me={me} needs="admin" everywhere what="see the service's health" />
      </Page>
    );
  }
  const { data } = query;
  return (
    <Page
      title="Health"
      about={
        <>
          What the node that answers finds wrong with itself, and what to do. Run <code>countersign doctor</code> for
          the checks that can only be made from outside, such as those of the gateway.
        </>
      }
      actions={
        <Button variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
          Check again
        </Button>
      }
    >
      {data === undefined ? null : (
        <p className="health-summary" role="status">
          {summary(data.counts)} Checked <RelativeTime at={data.examined_at} /> on{" "}
          <bdi className="mono">{data.node}</bdi>.
        </p>
      )}
      <DataTable
        caption="Findings"
        columns={COLUMNS}
        query={query}
        keyOf={({ check, code, found }) => `${check} ${code} ${found}`}
        skeletonRows={14}
        skeletonHeight={59}
        empty={
          <Empty icon="health" title="No findings">
            The server made no check.
          </Empty>
        }
      />
    </Page>
  );
}

function summary({ error, warning }: { readonly error: number; readonly warning: number }): string {
  if (error === 0 && warning === 0) return "No errors and no warnings.";
  const parts = [counted(error, "error"), counted(warning, "warning")].filter((part) => part !== undefined);
  return `${parts.join(" and ")}.`;
}

function counted(count: number, noun: string): string | undefined {
  if (count === 0) return undefined;
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
