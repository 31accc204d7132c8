import { Button } from "@mantine/core";
import { ROLES } from "@countersign/protocol";
import { useState } from "react";
import { permits, useMe } from "../../api/me.ts";
import {
  changeOperator,
  type Invitation,
  type Operator,
  type OperatorFilter,
  readOperator,
  useOperators,
  withdrawInvitation,
} from "../../api/operators.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { Confirm } from "../../forms/confirm.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { FilterSelect, SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { activate, DeactivateDialog, type Switchable } from "../../forms/standing-change.tsx";
import { StatusBadge, Tag } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";
import { isLocalLink } from "../../text/is-local-link.ts";
import { LocalLinkNote } from "./local-link-note.tsx";
import { Invitations } from "./invitations.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { ResetDialog } from "./reset-dialog.tsx";
import { RoleDialog } from "./role-dialog.tsx";
import { SessionsDialog } from "./sessions-dialog.tsx";

type Opened =
  | { readonly what: "invite" }
  | { readonly what: "link"; readonly link: string | null; readonly email: string | null }
  | { readonly what: "withdraw"; readonly invitation: Invitation }
  | { readonly what: "role" | "deactivate" | "reset" | "sessions"; readonly operator: Operator };

/** Lists operators and the one-time links that are still open. */
export default function OperatorsPage() {
  const me = useMe();
  const filters = useFilters(["q", "role", "status"]);
  const query = useOperators(filters.values as OperatorFilter);
  const [opened, setOpened] = useState<Opened>();
  const close = () => setOpened(undefined);
  const showLink = (link: string | null, email: string | null) => setOpened({ what: "link", link, email });
  if (!permits(me, "owner")) {
    return (
      <Page title="Operators" about="The people who administer the service.">
        <RoleNote me={me} needs="owner" what="see other operators" />
      </Page>
    );
  }

  const columns: readonly Column<Operator>[] = [
    {
      heading: "E-mail address",
      cell: ({ email, id }) => (
        <span className="row">
          <strong className="name">
            <bdi>{email}</bdi>
          </strong>
          {id === me.operator?.id ? <Tag>you</Tag> : null}
        </span>
      ),
    },
    { heading: "Role", cell: ({ role }) => role },
    {
      heading: "Scope",
      cell: ({ account }) => (account === null ? <span className="faint">all accounts</span> : <bdi>{account}</bdi>),
    },
    {
      heading: "Single sign-on",
      isMinor: true,
      cell: ({ single_sign_on: isFederated }) => (isFederated ? "yes" : <span className="faint">no</span>),
    },
    { heading: "Last signed in", cell: ({ last_signed_in_at: at }) => <RelativeTime at={at} /> },
    { heading: "Status", isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: "Actions",
      isActions: true,
      cell: (operator) => (
        <ActionsMenu label={`Actions for ${operator.email}`}>
          <Action onClick={() => setOpened({ what: "role", operator })}>Change role…</Action>
          <Action onClick={() => setOpened({ what: "sessions", operator })}>Sessions…</Action>
          <Action onClick={() => setOpened({ what: "reset", operator })}>Reset sign-in…</Action>
          {operator.status === "active" ? (
            <Action isDangerous onClick={() => setOpened({ what: "deactivate", operator })}>
              Deactivate…
            </Action>
          ) : (
            <Action onClick={() => void activate(switchableOperator(operator))}>Activate</Action>
          )}
        </ActionsMenu>
      ),
    },
  ];

  return (
    <Page
      title="Operators"
      about="The people who administer the service, and their permissions."
      actions={
        <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "invite" })}>
          Invite an operator
        </Button>
      }
    >
      <div className="filters">
        <SearchField label="Search operators" placeholder="Beginning of an e-mail address" filters={filters} />
        <FilterSelect
          label="Role"
          name="role"
          filters={filters}
          options={[
            ["", "Any role"],
            ...ROLES.map((role) => [role, `${role.slice(0, 1).toUpperCase()}${role.slice(1)}`] as const),
          ]}
        />
        <StatusFilter filters={filters} />
      </div>
      <DataTable
        caption="Operators"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        nouns={["operator", "operators"]}
        goTo={filters.goTo}
        empty={
          // There is always an operator, so the list is only empty by its filters.
          <NoMatch title="No operator matches" path="/operators">
            The search matches the beginning of an e-mail address.
          </NoMatch>
        }
      />
      <Invitations withdraw={(invitation) => setOpened({ what: "withdraw", invitation })} />
      {opened?.what === "invite" ? (
        <InviteDialog onClose={close} onInvited={({ link, email }) => showLink(link, email)} />
      ) : null}
      {opened?.what === "link" ? (
        <SecretOnce
          title="Send the link"
          about={
            <>
              Send it to <bdi>{opened.email}</bdi> over a private channel: the first person who opens it can use it. It
              works once.
              {opened.link !== null && isLocalLink(opened.link) ? <LocalLinkNote /> : null}
            </>
          }
          name="link"
          secret={opened.link}
          onStored={close}
        />
      ) : null}
      {opened?.what === "withdraw" ? (
        <Confirm
          title={
            <>
              Withdraw the link for <bdi>{opened.invitation.email}</bdi>?
            </>
          }
          button="Withdraw"
          run={() => withdrawInvitation(opened.invitation.id)}
          onDone={() => tell("Withdrew the link.")}
          onClose={close}
        >
          <p>The link stops working. You can make another one at any time.</p>
        </Confirm>
      ) : null}
      {opened?.what === "role" ? <RoleDialog operator={opened.operator} onClose={close} /> : null}
      {opened?.what === "sessions" ? <SessionsDialog operator={opened.operator} onClose={close} /> : null}
      {opened?.what === "reset" ? (
        <ResetDialog
          operator={opened.operator}
          onClose={close}
          onMade={(link) => showLink(link, opened.operator.email)}
        />
      ) : null}
      {opened?.what === "deactivate" ? (
        <DeactivateDialog
          thing={switchableOperator(opened.operator)}
          about="The operator's sessions end at once, and signing in is refused until the operator is activated again. The audit log keeps their events."
          onClose={close}
        />
      ) : null}
    </Page>
  );
}

function switchableOperator({ id, email }: Operator): Switchable {
  return {
    name: <bdi>{email}</bdi>,
    read: () => readOperator(id),
    change: (patch, etag) => changeOperator(id, patch, etag),
  };
}
