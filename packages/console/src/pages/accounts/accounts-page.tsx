import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type Account, useAccounts } from "../../api/registry.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { SearchField, standingFilter, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { useSorting } from "../../forms/sorting.ts";
import { useOpening } from "../../forms/use-opening.ts";
import { activate, DeactivateDialog } from "../../forms/standing-change.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { daysOf } from "../../text/days.ts";
import { CreateAccountDialog } from "./create-account-dialog.tsx";
import { EditAccountDialog } from "./edit-account-dialog.tsx";
import { switchableAccount } from "./switchable-account.tsx";
import { numberText, t } from "../../text/t.ts";

/** Lists accounts, to create one, or to deactivate one with all its API users. */
export default function AccountsPage() {
  const me = useMe();
  const filters = useFilters(["q", "status"]);
  const sorting = useSorting({ created: "ascending", shortname: "ascending" });
  const query = useAccounts({ ...standingFilter(filters.values), ...sorting.query });
  const [deactivating, setDeactivating] = useState<Account>();
  const [editing, setEditing] = useState<Account>();
  const mayChange = permits(me, "admin", { everywhere: true });
  const creating = useOpening("account", mayChange);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={creating.open}>
      {t("common.newAccount")}
    </Button>
  );
  const columns: readonly Column<Account>[] = [
    {
      heading: t("common.account"),
      sort: { order: "shortname", kind: "text" },
      cell: ({ shortname }) => (
        <Link href={`/accounts/${encodeURIComponent(shortname)}`} className="row-link">
          <bdi>{shortname}</bdi>
        </Link>
      ),
    },
    { heading: t("common.name"), width: 190, cell: ({ name }) => <bdi>{name}</bdi> },
    { heading: t("common.apiUsers"), width: 90, isEnd: true, cell: ({ users }) => numberText(users) },
    {
      heading: t("accounts.keyAgeMax"),
      isMinor: true,
      width: 120,
      cell: ({ key_age_max_seconds: seconds }) =>
        seconds === null ? (
          <span className="faint">{t("common.notSet")}</span>
        ) : (
          t("common.days", { days: daysOf(seconds) })
        ),
    },
    {
      heading: t("common.created"),
      sort: { order: "created", kind: "time" },
      isMinor: true,
      width: 122,
      cell: ({ created_at: at }) => <RelativeTime at={at} />,
    },
    { heading: t("common.status"), isLead: true, width: 128, cell: ({ status }) => <StatusBadge status={status} /> },
    ...(mayChange
      ? [
          {
            heading: t("common.actions"),
            width: 150,
            isActions: true,
            cell: (account: Account) => (
              <div className="row-end">
                {account.status === "active" ? (
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={t("common.deactivateNamed", { name: account.shortname })}
                    onClick={() => setDeactivating(account)}
                  >
                    {t("common.deactivate")}
                  </Button>
                ) : (
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={t("common.activateNamed", { name: account.shortname })}
                    onClick={() => void activate(switchableAccount(account.shortname))}
                  >
                    {t("common.activate")}
                  </Button>
                )}
                <ActionsMenu label={t("common.moreFor", { name: account.shortname })}>
                  <Action onClick={() => setEditing(account)}>{t("common.editEllipsis")}</Action>
                </ActionsMenu>
              </div>
            ),
          },
        ]
      : []),
  ];
  return (
    <Page title={t("common.accounts")} about={t("accounts.about")} actions={mayChange ? create : undefined}>
      <RoleNote me={me} needs="admin" everywhere what={t("accounts.roleNeeded")} />
      <div className="filters">
        <SearchField
          label={t("common.searchAccounts")}
          placeholder={t("accounts.searchPlaceholder")}
          filters={filters}
        />
        <StatusFilter filters={filters} hasArchive />
      </div>
      <DataTable
        caption={t("common.accounts")}
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={10}
        counted={(count) => t("accounts.count", { count })}
        goTo={filters.goTo}
        sorting={sorting}
        empty={
          filters.hasAny ? (
            <NoMatch title={t("accounts.noAccountMatches")} path="/accounts">
              {t("accounts.searchHint")}
            </NoMatch>
          ) : (
            <Empty icon="account" title={t("accounts.noAccountYet")} actions={mayChange ? create : undefined}>
              {t("accounts.emptyAbout")}
            </Empty>
          )
        }
      />
      {editing === undefined ? null : <EditAccountDialog account={editing} onClose={() => setEditing(undefined)} />}
      {creating.isOpen ? <CreateAccountDialog onClose={creating.close} /> : null}
      {deactivating === undefined ? null : (
        <DeactivateDialog
          thing={switchableAccount(deactivating.shortname)}
          scope={{ account: deactivating.shortname }}
          about={t("accounts.deactivateAbout")}
          onClose={() => setDeactivating(undefined)}
        />
      )}
    </Page>
  );
}
