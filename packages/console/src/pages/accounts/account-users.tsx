import { Link } from "wouter";
import { type ApiUser, useUsers } from "../../api/registry.ts";
import { useFilters } from "../../forms/search-state.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { AccessBadge, StatusBadge } from "../../ui/status-badge.tsx";
import { numberText, t } from "../../text/t.ts";

const COLUMNS: readonly Column<ApiUser>[] = [
  {
    heading: t("users.username"),
    cell: ({ username }) => (
      <Link href={`/users/${encodeURIComponent(username)}`} className="row-link">
        <bdi>{username}</bdi>
      </Link>
    ),
  },
  { heading: t("common.access"), width: 110, cell: ({ access }) => <AccessBadge access={access} /> },
  {
    heading: t("overview.activeKeys"),
    width: 110,
    isEnd: true,
    cell: ({ active_keys: keys }) => (keys === 0 ? <span className="faint">{t("users.none")}</span> : keys),
  },
  {
    heading: t("common.tokensToday"),
    isMinor: true,
    width: 120,
    isEnd: true,
    cell: ({ tokens_today: tokens }) =>
      tokens === 0 ? <span className="faint">0</span> : <span>{numberText(tokens)}</span>,
  },
  { heading: t("common.lastUsed"), width: 140, cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
  { heading: t("common.status"), isLead: true, width: 130, cell: ({ status }) => <StatusBadge status={status} /> },
];

/** The API users of an account, newest first. */
export function AccountUsers({ shortname }: { readonly shortname: string }) {
  const { values, goTo } = useFilters();
  const query = useUsers({ account: shortname, ...(values.cursor === undefined ? {} : { cursor: values.cursor }) });
  return (
    <Section
      title={t("common.apiUsers")}
      actions={<Link href={`/users?account=${encodeURIComponent(shortname)}`}>{t("account.searchApiUsers")}</Link>}
    >
      <DataTable
        caption={t("common.apiUsers")}
        columns={COLUMNS}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        counted={(count) => t("users.count", { count })}
        goTo={goTo}
        empty={
          <Empty icon="user" title={t("users.noApiUserYet")}>
            {t("account.emptyAbout")}
          </Empty>
        }
      />
    </Section>
  );
}
