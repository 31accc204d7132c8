import { Button } from "@mantine/core";
import { ROLES } from "@countersign/protocol";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { useLocation } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import {
  changeOperator,
  type Invitation,
  type Operator,
  type OperatorFilter,
  readOperator,
  resetOperator,
  useInvitations,
  useOperators,
  withdrawInvitation,
} from "../../api/operators.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { FilterSelect, SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { DeactivateDialog, type Switchable, useStandingChange } from "../../ui/standing-change.tsx";
import { StatusBadge, Tag } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { RoleDialog } from "./role-dialog.tsx";
import { SessionsDialog } from "./sessions-dialog.tsx";

type Opened =
  | { readonly what: "invite" }
  | { readonly what: "link"; readonly link: string | null; readonly email: string | null }
  | { readonly what: "withdraw"; readonly invitation: Invitation }
  | { readonly what: "role" | "deactivate" | "reset" | "sessions"; readonly operator: Operator };

/** Operators: who administers, and who is invited to. */
export default function OperatorsPage() {
  const me = useMe();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const { values, set, hasAny } = useFilters(["q", "role", "status"]);
  const query = useOperators(values as OperatorFilter);
  const search = useCallback((q: string) => set({ q }, { isReplacing: true }), [set]);
  const [opened, setOpened] = useState<Opened>();
  const { activate } = useStandingChange();
  const close = () => setOpened(undefined);
  const refresh = () =>
    Promise.all(["operators", "invitations", "audit"].map((first) => queries.invalidateQueries({ queryKey: [first] })));
  if (!permits(me, "owner")) {
    return (
      <Page title="Operators" about="The people who administer the service.">
        <RoleNote me={me} needs="owner" what="see who else does" />
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
      heading: "Where",
      cell: ({ account }) => (account === null ? <span className="faint">everywhere</span> : <bdi>{account}</bdi>),
    },
    {
      heading: "Single sign-on",
      cell: ({ single_sign_on: isFederated }) => (isFederated ? "yes" : <span className="faint">no</span>),
    },
    { heading: "Last signed in", cell: ({ last_signed_in_at: at }) => <RelativeTime at={at} /> },
    { heading: "Status", cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: "Actions",
      isActions: true,
      cell: (operator) => (
        <ActionsMenu label={`Actions for ${operator.email}`}>
          <Action onClick={() => setOpened({ what: "role", operator })}>Role and account…</Action>
          <Action onClick={() => setOpened({ what: "sessions", operator })}>Sessions…</Action>
          <Action onClick={() => setOpened({ what: "reset", operator })}>Link to sign in again…</Action>
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
      about="The people who administer the service, and what each of them may do."
      actions={
        <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "invite" })}>
          Invite an operator
        </Button>
      }
    >
      <div className="filters">
        <SearchField
          label="Search operators"
          placeholder="How an e-mail address begins"
          value={values.q ?? ""}
          onChange={search}
        />
        <FilterSelect
          label="Role"
          value={values.role}
          onChange={(role) => set({ role })}
          options={[
            ["", "Any role"],
            ...ROLES.map((role) => [role, `${role.slice(0, 1).toUpperCase()}${role.slice(1)}`] as const),
          ]}
        />
        <StatusFilter value={values.status} onChange={(status) => set({ status })} />
      </div>
      <DataTable
        caption="Operators"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        countOf={(count, isOne) => `${count} ${isOne ? "operator" : "operators"}`}
        paging={{ go: (cursor) => set({ cursor }) }}
        empty={
          <Empty
            icon="search"
            title="No operator matches"
            actions={
              hasAny ? (
                <Button variant="default" onClick={() => navigate("/operators")}>
                  Clear search and filters
                </Button>
              ) : undefined
            }
          >
            The search looks at how an e-mail address begins.
          </Empty>
        }
      />
      <Invitations withdraw={(invitation) => setOpened({ what: "withdraw", invitation })} />
      {opened?.what === "invite" ? (
        <InviteDialog
          onClose={close}
          onInvited={({ link, email }) => {
            setOpened({ what: "link", link, email });
            void refresh();
          }}
        />
      ) : null}
      {opened?.what === "link" ? (
        <SecretOnce
          title="Send the link"
          about={
            <>
              Give it to <bdi>{opened.email}</bdi> on a way that nobody else reads: whoever opens it first gets in. It
              is good once.
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
          run={async () => {
            await withdrawInvitation(opened.invitation.id);
            await refresh();
            tell("Withdrew the link.");
          }}
          onClose={close}
        >
          <p>Nobody can use it any more. You can make another one at any time.</p>
        </Confirm>
      ) : null}
      {opened?.what === "role" ? (
        <RoleDialog operator={opened.operator} onClose={close} onChanged={() => void refresh()} />
      ) : null}
      {opened?.what === "sessions" ? <SessionsDialog operator={opened.operator} onClose={close} /> : null}
      {opened?.what === "reset" ? (
        <ResetDialog
          operator={opened.operator}
          onClose={close}
          onMade={(link) => {
            setOpened({ what: "link", link, email: opened.operator.email });
            void refresh();
          }}
        />
      ) : null}
      {opened?.what === "deactivate" ? (
        <DeactivateDialog
          thing={switchableOperator(opened.operator)}
          about="Their sessions end at once, and they can't sign in until somebody activates them again. What they did stays in the audit log."
          onClose={close}
        />
      ) : null}
    </Page>
  );
}

function switchableOperator({ id, email }: Operator): Switchable<Operator> {
  return {
    name: <bdi>{email}</bdi>,
    read: () => readOperator(id),
    change: (patch, etag) => changeOperator(id, patch, etag),
    staleQueries: ["operators", "audit"],
  };
}

function ResetDialog({
  operator,
  onClose,
  onMade,
}: {
  readonly operator: Operator;
  readonly onClose: () => void;
  readonly onMade: (link: string | null) => void;
}) {
  return (
    <Confirm
      title={
        <>
          A link for <bdi>{operator.email}</bdi> to sign in again?
        </>
      }
      button="Make the link"
      isDangerous={false}
      run={() => resetOperator(operator.id)}
      onDone={({ link }) => onMade(link)}
      onClose={onClose}
    >
      <p>
        For somebody who has lost passkey and password. With the link they set new ones; those that they have now, their
        recovery codes and their sessions then end.
      </p>
    </Confirm>
  );
}

function Invitations({ withdraw }: { readonly withdraw: (invitation: Invitation) => void }) {
  const query = useInvitations();
  const columns: readonly Column<Invitation>[] = [
    {
      heading: "For",
      cell: ({ email }) => (
        <strong className="name">
          <bdi>{email ?? "whoever has the link"}</bdi>
        </strong>
      ),
    },
    {
      heading: "Kind",
      cell: ({ kind }) => ({ setup: "set-up", invitation: "invitation", reset: "sign in again" })[kind],
    },
    { heading: "Role", cell: ({ role }) => role },
    {
      heading: "Where",
      cell: ({ account }) => (account === null ? <span className="faint">everywhere</span> : <bdi>{account}</bdi>),
    },
    { heading: "Made", cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: "Expires", cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    {
      heading: "Actions",
      isActions: true,
      cell: (invitation) => (
        <Button
          size="xs"
          variant="default"
          aria-label={`Withdraw the link for ${invitation.email ?? "whoever has it"}`}
          onClick={() => withdraw(invitation)}
        >
          Withdraw
        </Button>
      ),
    },
  ];
  return (
    <Section title="One-time links" about="Made and not used yet. Each is good once, until it expires.">
      <DataTable
        caption="One-time links"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={1}
        empty={
          <Empty icon="operators" title="No link is open">
            Invite somebody, and their link is listed here until they use it.
          </Empty>
        }
      />
    </Section>
  );
}
