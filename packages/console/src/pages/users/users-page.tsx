import { Button } from "@mantine/core";
import { useLocation } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type ApiUser, deactivateUsers, type UserFilter, useUsers } from "../../api/registry.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { type Deactivation, useDeactivation } from "../../forms/deactivate-chosen.tsx";
import { type Column, DataTable, type TableFile } from "../../ui/data-table.tsx";
import { FilterSelect, SearchField, standingFilter, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { useSorting } from "../../forms/sorting.ts";
import { useOpening } from "../../forms/use-opening.ts";
import { ACCESS, LAST_USED, STATUS, TOKENS_TODAY, USERNAME } from "./user-columns.tsx";
import { CreateUserDialog } from "./create-user-dialog.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

const COLUMNS: readonly Column<ApiUser>[] = [
  USERNAME,
  { heading: t("common.account"), width: 120, cell: ({ account }) => <bdi>{account}</bdi> },
  ACCESS,
  {
    heading: t("users.keys"),
    width: 80,
    isEnd: true,
    cell: ({ keys, active_keys: active }) =>
      keys === 0 ? (
        <span className="faint">{t("users.none")}</span>
      ) : (
        <span title={t("users.ofActive", { active, keys })}>
          {active === keys ? (
            active
          ) : (
            <T
              id="users.activeOf"
              values={{ active, keys, faint: (words) => <span className="faint">{words}</span> }}
            />
          )}
        </span>
      ),
  },
  TOKENS_TODAY,
  {
    heading: t("common.created"),
    sort: { order: "newest", kind: "time" },
    isMinor: true,
    width: 122,
    cell: ({ created_at: at }) => <RelativeTime at={at} />,
  },
  LAST_USED,
  STATUS,
];

const CSV: TableFile<ApiUser> = {
  fileName: "api-users.csv",
  fields: [
    "username",
    "account",
    "access",
    "status",
    "active_keys",
    "keys",
    "tokens_today",
    "last_used_at",
    "display_name",
    "description",
    "contact",
    "created_at",
  ],
};

const DEACTIVATION: Deactivation<ApiUser> = {
  keyOf: ({ id }) => id,
  canChoose: ({ status }) => status === "active",
  nameOf: ({ username }) => username,
  show: ({ username }) => <bdi className="mono">{username}</bdi>,
  scopeOf: ({ username }) => ({ username }),
  deactivate: (users) => deactivateUsers(users.map(({ username }) => username)),
  title: (count) => t("users.deactivateTitle", { count }),
  about: t("users.deactivateAbout"),
  doneText: (count) => t("users.deactivatedCount", { count }),
  refusedText: (count) => t("users.notAllDeactivated", { count }),
};

/** Lists API users, to find one or create one. */
export default function UsersPage() {
  const me = useMe();
  const [, navigate] = useLocation();
  const filters = useFilters(["q", "account", "status", "access"]);
  const sorting = useSorting({ newest: "descending", name: "ascending" });
  const query = useUsers({ ...standingFilter(filters.values), ...sorting.query } as UserFilter);
  const mayCreate = permits(me, "admin");
  const place = JSON.stringify([filters.values, sorting.query]);
  const { selection, dialog } = useDeactivation(query.data?.items ?? [], place, DEACTIVATION);
  const creating = useOpening("user", mayCreate);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={creating.open}>
      {t("common.newApiUser")}
    </Button>
  );
  return (
    <Page title={t("common.apiUsers")} about={t("users.about")} actions={mayCreate ? create : undefined}>
      <RoleNote me={me} needs="admin" what={t("users.roleNeeded")} />
      <div className="filters">
        <SearchField label={t("users.searchApiUsers")} placeholder={t("users.searchPlaceholder")} filters={filters} />
        {me.account === null ? (
          <AccountPicker
            label={t("common.account")}
            isLabelHidden
            clearLabel={t("filter.allAccounts")}
            value={filters.values.account}
            onChange={(account) => filters.set("account", account)}
          />
        ) : null}
        <StatusFilter filters={filters} hasArchive />
        <FilterSelect
          label={t("common.access")}
          name="access"
          filters={filters}
          options={[
            ["", t("filter.anyAccess")],
            ["full", t("filter.fullAccess")],
            ["read_only", t("filter.readOnly")],
          ]}
        />
      </div>
      <DataTable
        caption={t("common.apiUsers")}
        columns={COLUMNS}
        query={query}
        keyOf={DEACTIVATION.keyOf}
        {...(mayCreate ? { selection } : {})}
        skeletonRows={12}
        counted={(count) => t("users.count", { count })}
        goTo={filters.goTo}
        csv={CSV}
        sorting={sorting}
        empty={
          filters.hasAny ? (
            <NoMatch title={t("users.noApiUserMatches")} path="/users">
              {t("users.searchHint")}
            </NoMatch>
          ) : (
            <Empty icon="user" title={t("users.noApiUserYet")} actions={mayCreate ? create : undefined}>
              {mayCreate ? t("users.emptyAbout") : t("common.adminCanCreateOne")}
            </Empty>
          )
        }
      />
      {dialog}
      {creating.isOpen ? (
        <CreateUserDialog
          account={me.account ?? filters.values.account}
          isAccountFixed={me.account !== null}
          onClose={creating.close}
          onCreated={({ username }) => navigate(`/users/${encodeURIComponent(username)}?add=key`)}
        />
      ) : null}
    </Page>
  );
}
