import { Button } from "@mantine/core";
import { Link, useLocation } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type ApiUser, type UserFilter, useUsers } from "../../api/registry.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { FilterSelect, SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { useOpening } from "../../forms/use-opening.ts";
import { AccessBadge, StatusBadge } from "../../ui/status-badge.tsx";
import { CreateUserDialog } from "./create-user-dialog.tsx";

const COLUMNS: readonly Column<ApiUser>[] = [
  {
    heading: "Username",
    cell: ({ username }) => (
      <Link href={`/users/${encodeURIComponent(username)}`} className="row-link">
        <bdi>{username}</bdi>
      </Link>
    ),
  },
  { heading: "Account", width: 150, cell: ({ account }) => <bdi>{account}</bdi> },
  { heading: "Access", width: 100, cell: ({ access }) => <AccessBadge access={access} /> },
  {
    heading: "Keys",
    width: 90,
    isEnd: true,
    cell: ({ keys, active_keys: active }) =>
      keys === 0 ? (
        <span className="faint">none</span>
      ) : (
        <span title={`${active} of ${keys} active`}>
          {active}
          {active === keys ? null : <span className="faint"> of {keys}</span>}
        </span>
      ),
  },
  {
    heading: "Tokens today",
    isMinor: true,
    width: 120,
    isEnd: true,
    cell: ({ tokens_today: tokens }) =>
      tokens === 0 ? <span className="faint">0</span> : <span>{tokens.toLocaleString("en")}</span>,
  },
  { heading: "Last used", width: 140, cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
  { heading: "Status", isLead: true, width: 130, cell: ({ status }) => <StatusBadge status={status} /> },
];

/** Lists API users, to find one or create one. */
export default function UsersPage() {
  const me = useMe();
  const [, navigate] = useLocation();
  const filters = useFilters(["q", "account", "status", "access", "order"]);
  const query = useUsers(filters.values as UserFilter);
  const mayCreate = permits(me, "admin");
  const creating = useOpening("user", mayCreate);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={creating.open}>
      New API user
    </Button>
  );
  return (
    <Page
      title="API users"
      about="Clients of your API. A client signs assertions with a private key; this page manages the public keys."
      actions={mayCreate ? create : undefined}
    >
      <RoleNote me={me} needs="admin" what="create API users or change keys" />
      <div className="filters">
        <SearchField label="Search API users" placeholder="Username, name or fingerprint" filters={filters} />
        {me.account === null ? (
          <AccountPicker
            label="Account"
            isLabelHidden
            clearLabel="All accounts"
            value={filters.values.account}
            onChange={(account) => filters.set("account", account)}
          />
        ) : null}
        <StatusFilter filters={filters} />
        <FilterSelect
          label="Access"
          name="access"
          filters={filters}
          options={[
            ["", "Any access"],
            ["full", "Full access"],
            ["read_only", "Read-only"],
          ]}
        />
        <FilterSelect
          label="Order"
          name="order"
          filters={filters}
          fixed={filters.values.q === undefined ? undefined : "name"}
          options={[
            ["", "Newest first"],
            ["name", "By name"],
          ]}
        />
      </div>
      <DataTable
        caption="API users"
        columns={COLUMNS}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={12}
        nouns={["API user", "API users"]}
        goTo={filters.goTo}
        empty={
          filters.hasAny ? (
            <NoMatch title="No API user matches" path="/users">
              The search matches the beginning of a username or of the name in it, or a complete key fingerprint.
            </NoMatch>
          ) : (
            <Empty icon="user" title="No API user yet" actions={mayCreate ? create : undefined}>
              {mayCreate
                ? "Create one and add its public key. Its client can then exchange assertions for tokens."
                : "An admin can create one."}
            </Empty>
          )
        }
      />
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
