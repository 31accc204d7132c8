import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useCallback, useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiError } from "../../api/api-error.ts";
import { permits, useMe } from "../../api/me.ts";
import {
  type Account,
  type AccountFilter,
  changeAccount,
  createAccount,
  readAccount,
  useAccounts,
  useChange,
} from "../../api/registry.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { Empty, Page } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { DeactivateDialog, type Switchable, useStandingChange } from "../../ui/standing-change.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";

/** Accounts: to make one, and to switch one off with all its API users. */
export default function AccountsPage() {
  const me = useMe();
  const [, navigate] = useLocation();
  const { values, set, hasAny } = useFilters(["q", "status"]);
  const query = useAccounts(values as AccountFilter);
  const search = useCallback((q: string) => set({ q }, { isReplacing: true }), [set]);
  const [isCreating, setIsCreating] = useState(false);
  const [deactivating, setDeactivating] = useState<Account>();
  const { activate } = useStandingChange();
  const mayChange = permits(me, "admin", { everywhere: true });
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setIsCreating(true)}>
      New account
    </Button>
  );
  const columns: readonly Column<Account>[] = [
    {
      heading: "Account",
      cell: ({ shortname }) => (
        <Link href={`/?account=${encodeURIComponent(shortname)}`} className="row-link">
          <bdi>{shortname}</bdi>
        </Link>
      ),
    },
    { heading: "Name", width: 280, cell: ({ name }) => <bdi>{name}</bdi> },
    { heading: "API users", width: 110, isEnd: true, cell: ({ users }) => users.toLocaleString("en") },
    { heading: "Created", width: 140, cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: "Status", width: 130, cell: ({ status }) => <StatusBadge status={status} /> },
    ...(mayChange
      ? [
          {
            heading: "Actions",
            width: 130,
            isActions: true,
            cell: (account: Account) =>
              account.status === "active" ? (
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
              ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title="Accounts"
      about="Customers, partners and teams. Each owns API users; switching an account off refuses them all."
      actions={mayChange ? create : undefined}
    >
      <RoleNote me={me} needs="admin" everywhere what="create or change accounts" />
      <div className="filters">
        <SearchField label="Search accounts" placeholder="Shortname or name" value={values.q ?? ""} onChange={search} />
        <StatusFilter value={values.status} onChange={(status) => set({ status })} />
      </div>
      <DataTable
        caption="Accounts"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={10}
        countOf={(count, isOne) => `${count} ${isOne ? "account" : "accounts"}`}
        paging={{ go: (cursor) => set({ cursor }) }}
        empty={
          hasAny ? (
            <Empty
              icon="search"
              title="No account matches"
              actions={
                <Button variant="default" onClick={() => navigate("/accounts")}>
                  Clear search and filters
                </Button>
              }
            >
              The search looks at how a shortname or a name begins.
            </Empty>
          ) : (
            <Empty icon="account" title="No account yet" actions={mayChange ? create : undefined}>
              An account stands for a customer, a partner or a team. API users belong to one.
            </Empty>
          )
        }
      />
      {isCreating ? <CreateAccountDialog onClose={() => setIsCreating(false)} /> : null}
      {deactivating === undefined ? null : (
        <DeactivateDialog
          thing={switchableAccount(deactivating.shortname)}
          scope={{ account: deactivating.shortname }}
          about="All its API users' assertions and tokens are refused until somebody activates it again. Nothing is lost by that."
          onClose={() => setDeactivating(undefined)}
        />
      )}
    </Page>
  );
}

function switchableAccount(shortname: string): Switchable<Account> {
  return {
    name: (
      <>
        the account <bdi>{shortname}</bdi>
      </>
    ),
    read: () => readAccount(shortname),
    change: (patch, etag) => changeAccount(shortname, patch, etag),
    staleQueries: ["accounts", "audit"],
  };
}

function CreateAccountDialog({ onClose }: { readonly onClose: () => void }) {
  const key = useIdempotencyKey();
  const [shortname, setShortname] = useState("");
  const [name, setName] = useState("");
  const creation = useChange(() =>
    createAccount({ shortname: shortname.trim(), ...(name.trim() === "" ? {} : { name: name.trim() }) }, key),
  );
  const refusal = creation.error instanceof ApiError ? creation.error : undefined;
  const shortnameProblem = refusal?.fieldMessage("shortname");
  const nameProblem = refusal?.fieldMessage("name");

  function submit(event: FormEvent): void {
    event.preventDefault();
    creation.mutate(undefined, {
      onSuccess: (account) => {
        tell(
          <>
            Created the account <bdi>{account.shortname}</bdi>.
          </>,
        );
        onClose();
      },
    });
  }

  return (
    <Dialog title="New account" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {creation.error !== null && shortnameProblem === undefined && nameProblem === undefined ? (
          <Problem error={creation.error} />
        ) : null}
        <TextInput
          label="Shortname"
          description="Lower-case letters, digits and . _ -; it can't be changed later."
          placeholder="acme"
          required
          withAsterisk={false}
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          value={shortname}
          error={shortnameProblem}
          onChange={(event) => setShortname(event.currentTarget.value)}
        />
        <TextInput
          label="Name"
          description="As people call it. Optional."
          placeholder="Acme Ltd"
          value={name}
          error={nameProblem}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={creation.isPending}>
            Create account
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
