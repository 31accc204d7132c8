import { Link } from "wouter";
import { type ApiUser, useUsers } from "../../api/registry.ts";
import { useFilters } from "../../forms/search-state.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Section } from "../../ui/page.tsx";
import { t } from "../../text/t.ts";
import { ACCESS, LAST_USED, STATUS, TOKENS_TODAY, USERNAME } from "../users/user-columns.tsx";

const COLUMNS: readonly Column<ApiUser>[] = [
  USERNAME,
  ACCESS,
  {
    heading: t("overview.activeKeys"),
    width: 110,
    isEnd: true,
    cell: ({ active_keys: keys }) => (keys === 0 ? <span className="faint">{t("users.none")}</span> : keys),
  },
  TOKENS_TODAY,
  LAST_USED,
  STATUS,
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
