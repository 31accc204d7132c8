import { Button } from "@mantine/core";
import type { Finding } from "../../api/service.ts";
import { useDiagnosis } from "../../api/service.ts";
import { permits, useMe } from "../../api/me.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./health-page.css";

const COLUMNS: readonly Column<Finding>[] = [
  {
    heading: t("health.check"),
    cell: ({ title, looked_at: lookedAt }) => (
      <span className="finding">
        <strong className="name">
          <ServerText>{title}</ServerText>
        </strong>
        <span className="faint">
          <ServerText>{lookedAt}</ServerText>
        </span>
      </span>
    ),
  },
  { heading: t("health.severity"), cell: ({ severity }) => <StatusBadge status={severity} /> },
  {
    heading: t("health.finding"),
    cell: ({ found, fix, code, severity }) => (
      <span className="finding">
        <ServerText>{found}</ServerText>
        {fix === null ? null : <ServerText>{fix}</ServerText>}
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
      <Page title={t("common.health")} about={t("health.aboutShort")}>
        <RoleNote me={me} needs="admin" everywhere what={t("health.roleNeeded")} />
      </Page>
    );
  }
  const { data } = query;
  return (
    <Page
      title={t("common.health")}
      about={<T id="health.about" values={{ code: (words) => <code>{words}</code> }} />}
      actions={
        <Button variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
          {t("common.checkAgain")}
        </Button>
      }
    >
      {data === undefined ? null : (
        <p className="health-summary" role="status">
          <T
            id="health.checkedOn"
            values={{
              counts: summary(data.counts),
              examinedAt: <RelativeTime at={data.examined_at} />,
              node: <bdi className="mono">{data.node}</bdi>,
            }}
          />
        </p>
      )}
      <DataTable
        caption={t("health.findings")}
        columns={COLUMNS}
        query={query}
        keyOf={({ check, code, found }) => `${check} ${code} ${found}`}
        skeletonRows={14}
        skeletonHeight={59}
        empty={
          <Empty icon="health" title={t("health.noFindings")}>
            {t("health.noFindingsAbout")}
          </Empty>
        }
      />
    </Page>
  );
}

/** `1 error and 2 warnings.` */
function summary({ error, warning }: { readonly error: number; readonly warning: number }): string {
  if (error === 0 && warning === 0) return t("health.nothingFound");
  if (error === 0) return t("health.warnings", { count: warning });
  return warning === 0 ? t("health.errors", { count: error }) : t("health.errorsAndWarnings", { error, warning });
}
