import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type Account, type AccountFilter, changeAccount, readAccount, useAccounts } from "../../api/registry.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { useOpening } from "../../forms/use-opening.ts";
import { activate, DeactivateDialog, type Switchable } from "../../forms/standing-change.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { daysText } from "../../text/days.ts";
import { CreateAccountDialog } from "./create-account-dialog.tsx";
import { EditAccountDialog } from "./edit-account-dialog.tsx";

/** Lists accounts, to create one, or to deactivate one with all its API users. */
export default function AccountsPage() {
  const me = useMe();
  const filters = useFilters(["q", "status"]);
  const query = useAccounts(filters.values as AccountFilter);
  const [deactivating, setDeactivating] = useState<Account>();
  const [editing, setEditing] = useState<Account>();
  const mayChange = permits(me, "admin", { everywhere: true });
  const creating = useOpening("account", mayChange);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={creating.open}>
      New account
    </Button>
  );
  const columns: readonly Column<Account>[] = [
    {
      heading: "Account",
      cell: ({ shortname }) => (
        <Link href={`/users?account=${encodeURIComponent(shortname)}`} className="row-link">
          <bdi>{shortname}</bdi>
        </Link>
      ),
    },
    { heading: "Name", width: 190, cell: ({ name }) => <bdi>{name}</bdi> },
    { heading: "API users", width: 90, isEnd: true, cell: ({ users }) => users.toLocaleString("en") },
    {
      heading: "Key age at most",
      isMinor: true,
      width: 120,
      cell: ({ key_age_max_seconds: seconds }) =>
        seconds === null ? <span className="faint">not set</span> : `${daysText(seconds)} days`,
    },
    { heading: "Created", isMinor: true, width: 120, cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: "Status", isLead: true, width: 120, cell: ({ status }) => <StatusBadge status={status} /> },
    ...(mayChange
      ? [
          {
            heading: "Actions",
            width: 150,
            isActions: true,
            cell: (account: Account) => (
              <div className="row-end">
                {account.status === "active" ? (
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`Deactivate ${account.shortname}`}
                    onClick={() => setDeactivating(account)}
                  >
                    Deactivate
                  </Button>
                ) : (
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`Activate ${account.shortname}`}
                    onClick={() => void activate(switchableAccount(account.shortname))}
                  >
                    Activate
                  </Button>
                )}
                <ActionsMenu label={`More for ${account.shortname}`}>
                  <Action onClick={() => setEditing(account)}>Edit…</Action>
                </ActionsMenu>
              </div>
            ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title="Accounts"
      about="Customers, partners and teams. API users belong to an account; deactivating it stops them all."
      actions={mayChange ? create : undefined}
    >
      <RoleNote me={me} needs="admin" everywhere what="create or change accounts" />
      <div className="filters">
        <SearchField label="Search accounts" placeholder="Shortname or name" filters={filters} />
        <StatusFilter filters={filters} />
      </div>
      <DataTable
        caption="Accounts"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={10}
        nouns={["account", "accounts"]}
        goTo={filters.goTo}
        empty={
          filters.hasAny ? (
            <NoMatch title="No account matches" path="/accounts">
              The search matches the beginning of a shortname or name.
            </NoMatch>
          ) : (
            <Empty icon="account" title="No account yet" actions={mayChange ? create : undefined}>
              An account stands for a customer, a partner or a team. Every API user belongs to one.
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
          about="The assertions and tokens of all its API users are refused until the account is activated again. Nothing is deleted."
          onClose={() => setDeactivating(undefined)}
        />
      )}
    </Page>
  );
}

function switchableAccount(shortname: string): Switchable {
  return {
    name: (
      <>
        the account <bdi>{shortname}</bdi>
      </>
    ),
    read: () => readAccount(shortname),
    change: (patch, etag) => changeAccount(shortname, patch, etag),
  };
}
