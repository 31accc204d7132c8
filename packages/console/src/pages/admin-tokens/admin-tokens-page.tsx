import { Button } from "@mantine/core";
import { useState } from "react";
import { permits, useMe } from "../../api/me.ts";
import { type AdminToken, revokeAdminToken, useAdminTokens } from "../../api/operators.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";
import { CreateTokenDialog } from "./create-token-dialog.tsx";

type Opened =
  | { readonly what: "create" }
  | { readonly what: "token"; readonly token: string | null }
  | { readonly what: "revoke"; readonly token: AdminToken };

/** Lists admin tokens, with which programs use the admin API. */
export default function AdminTokensPage() {
  const me = useMe();
  const { values, goTo } = useFilters();
  const query = useAdminTokens(values.cursor);
  const [opened, setOpened] = useState<Opened>();
  const close = () => setOpened(undefined);
  if (!permits(me, "owner")) {
    return (
      <Page title="Admin tokens" about="Credentials with which programs use the admin API.">
        <RoleNote me={me} needs="owner" what="see or create admin tokens" />
      </Page>
    );
  }
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "create" })}>
      New admin token
    </Button>
  );
  const columns: readonly Column<AdminToken>[] = [
    {
      heading: "Name",
      cell: ({ name }) => (
        <strong className="name">
          <bdi>{name}</bdi>
        </strong>
      ),
    },
    { heading: "Role", cell: ({ role }) => role },
    {
      heading: "Scope",
      cell: ({ account }) => (account === null ? <span className="faint">all accounts</span> : <bdi>{account}</bdi>),
    },
    {
      heading: "Created by",
      isMinor: true,
      cell: ({ created_by: by }) => <bdi className="soft">{by.replace(/^operator:/, "")}</bdi>,
    },
    { heading: "Expires", cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    { heading: "Last used", cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
    { heading: "Status", isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: "Actions",
      isActions: true,
      cell: (token) =>
        token.status === "revoked" ? null : (
          <Button
            size="xs"
            variant="default"
            aria-label={`Revoke ${token.name}`}
            onClick={() => setOpened({ what: "revoke", token })}
          >
            Revoke
          </Button>
        ),
    },
  ];
  return (
    <Page
      title="Admin tokens"
      about="Credentials with which programs use the admin API. A token has a role, like an operator."
      actions={create}
    >
      <DataTable
        caption="Admin tokens"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        nouns={["admin token", "admin tokens"]}
        goTo={goTo}
        empty={
          <Empty icon="token" title="No admin token yet" actions={create}>
            Create one for a script or pipeline that adds keys or rotates secrets. It is shown once and stored as a
            hash.
          </Empty>
        }
      />
      {opened?.what === "create" ? (
        <CreateTokenDialog onClose={close} onCreated={(token) => setOpened({ what: "token", token })} />
      ) : null}
      {opened?.what === "token" ? (
        <SecretOnce
          title="Store the admin token"
          about={
            <>
              A program sends it as <code>Authorization: Bearer csat_…</code>. The service stores only its hash.
            </>
          }
          name="admin token"
          secret={opened.token}
          onStored={close}
        />
      ) : null}
      {opened?.what === "revoke" ? (
        <Confirm
          title={
            <>
              Revoke <bdi>{opened.token.name}</bdi>?
            </>
          }
          button="Revoke permanently"
          run={() => revokeAdminToken(opened.token.id)}
          onDone={({ name }) =>
            tell(
              <>
                Revoked <bdi>{name}</bdi>.
              </>,
            )
          }
          onClose={close}
        >
          <p>
            The program that uses it is refused from now on. Last used: <RelativeTime at={opened.token.last_used_at} />.
            This can't be undone.
          </p>
        </Confirm>
      ) : null}
    </Page>
  );
}
