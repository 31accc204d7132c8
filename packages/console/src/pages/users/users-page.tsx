import { Button } from "@mantine/core";
import { useCallback, useState } from "react";
import { Link, useLocation } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type ApiUser, type UserFilter, useUsers } from "../../api/registry.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { FilterSelect, SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
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
    width: 120,
    isEnd: true,
    cell: ({ tokens_today: tokens }) =>
      tokens === 0 ? <span className="faint">0</span> : <span>{tokens.toLocaleString("en")}</span>,
  },
  { heading: "Last used", width: 140, cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
  { heading: "Status", width: 130, cell: ({ status }) => <StatusBadge status={status} /> },
];

/** API users: to find one of however many, and to make one. */
export function UsersPage() {
  const me = useMe();
  const [, navigate] = useLocation();
  const { values, set, hasAny } = useFilters(["q", "account", "status", "access", "order"]);
  const query = useUsers(values as UserFilter);
  const [isCreating, setIsCreating] = useState(false);
  const mayCreate = permits(me, "admin");
  const search = useCallback((q: string) => set({ q }, { isReplacing: true }), [set]);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setIsCreating(true)}>
      New API user
    </Button>
  );
  return (
    <Page
      title="API users"
      about="Clients of the API. Each signs assertions with its private keys; its public keys are here."
      actions={mayCreate ? create : undefined}
    >
      <RoleNote me={me} needs="admin" what="create API users or change keys" />
      <div className="filters">
        <SearchField
          label="Search API users"
          placeholder="Username, name or fingerprint"
          value={values.q ?? ""}
          onChange={search}
        />
        {me.account === null ? (
          <AccountPicker
            label="Account"
            isLabelHidden
            clearLabel="All accounts"
            value={values.account}
            onChange={(account) => set({ account })}
          />
        ) : null}
        <StatusFilter value={values.status} onChange={(status) => set({ status })} />
        <FilterSelect
          label="Access"
          value={values.access}
          onChange={(access) => set({ access })}
          options={[
            ["", "Any access"],
            ["full", "Full access"],
            ["read_only", "Read-only"],
          ]}
        />
        <FilterSelect
          label="Order"
          value={values.order}
          onChange={(order) => set({ order })}
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
        countOf={(count, isOne) => `${count} ${isOne ? "API user" : "API users"}`}
        paging={{ go: (cursor) => set({ cursor }) }}
        empty={
          hasAny ? (
            <Empty
              icon="search"
              title="No API user matches"
              actions={
                <Button variant="default" onClick={() => navigate("/")}>
                  Clear search and filters
                </Button>
              }
            >
              The search looks at how a username begins, at how the name in it begins, and at whole key fingerprints.
            </Empty>
          ) : (
            <Empty icon="user" title="No API user yet" actions={mayCreate ? create : undefined}>
              {mayCreate
                ? "Create one, add its public key, and its client can exchange assertions for tokens. It takes two minutes."
                : "An admin can create one. It will be listed here."}
            </Empty>
          )
        }
      />
      {isCreating ? (
        <CreateUserDialog
          account={me.account ?? values.account}
          isAccountFixed={me.account !== null}
          onClose={() => setIsCreating(false)}
          onCreated={({ username }) => navigate(`/users/${encodeURIComponent(username)}?add=key`)}
        />
      ) : null}
    </Page>
  );
}
