import { Button } from "@mantine/core";
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
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

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
      <Page title={t("common.operators")} about={t("operators.aboutShort")}>
        <RoleNote me={me} needs="owner" what={t("operators.roleNeeded")} />
      </Page>
    );
  }

  const columns: readonly Column<Operator>[] = [
    {
      heading: t("common.emailAddress"),
      cell: ({ email, id }) => (
        <span className="row">
          <strong className="name">
            <bdi>{email}</bdi>
          </strong>
          {id === me.operator?.id ? <Tag>{t("operators.you")}</Tag> : null}
        </span>
      ),
    },
    { heading: t("common.role"), cell: ({ role }) => roleName(role) },
    {
      heading: t("common.scope"),
      cell: ({ account }) =>
        account === null ? <span className="faint">{t("common.allAccounts")}</span> : <bdi>{account}</bdi>,
    },
    {
      heading: t("operators.singleSignOn"),
      isMinor: true,
      cell: ({ single_sign_on: isFederated }) =>
        isFederated ? t("operators.yes") : <span className="faint">{t("operators.no")}</span>,
    },
    { heading: t("operators.lastSignedIn"), cell: ({ last_signed_in_at: at }) => <RelativeTime at={at} /> },
    { heading: t("common.status"), isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: t("common.actions"),
      isActions: true,
      cell: (operator) => (
        <ActionsMenu label={t("operators.actionsFor", { email: operator.email })}>
          <Action onClick={() => setOpened({ what: "role", operator })}>{t("operators.changeRole")}</Action>
          <Action onClick={() => setOpened({ what: "sessions", operator })}>{t("operators.sessions")}</Action>
          <Action onClick={() => setOpened({ what: "reset", operator })}>{t("operators.resetSignIn")}</Action>
          {operator.status === "active" ? (
            <Action isDangerous onClick={() => setOpened({ what: "deactivate", operator })}>
              {t("common.deactivateEllipsis")}
            </Action>
          ) : (
            <Action onClick={() => void activate(switchableOperator(operator))}>{t("common.activate")}</Action>
          )}
        </ActionsMenu>
      ),
    },
  ];

  return (
    <Page
      title={t("common.operators")}
      about={t("operators.about")}
      actions={
        <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "invite" })}>
          {t("operators.inviteAnOperator")}
        </Button>
      }
    >
      <div className="filters">
        <SearchField
          label={t("operators.searchOperators")}
          placeholder={t("operators.searchPlaceholder")}
          filters={filters}
        />
        <FilterSelect
          label={t("common.role")}
          name="role"
          filters={filters}
          options={[
            ["", t("filter.anyRole")],
            ["viewer", t("operators.viewer")],
            ["admin", t("operators.admin")],
            ["owner", t("operators.owner")],
          ]}
        />
        <StatusFilter filters={filters} />
      </div>
      <DataTable
        caption={t("common.operators")}
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        counted={(count) => t("operators.count", { count })}
        goTo={filters.goTo}
        empty={
          <NoMatch title={t("operators.noOperatorMatches")} path="/operators">
            {t("operators.searchHint")}
          </NoMatch>
        }
      />
      <Invitations withdraw={(invitation) => setOpened({ what: "withdraw", invitation })} />
      {opened?.what === "invite" ? (
        <InviteDialog onClose={close} onInvited={({ link, email }) => showLink(link, email)} />
      ) : null}
      {opened?.what === "link" ? (
        <SecretOnce
          title={t("operators.sendTheLink")}
          about={
            <>
              <T id="operators.sendLinkAbout" values={{ email: <bdi>{opened.email}</bdi> }} />
              {opened.link !== null && isLocalLink(opened.link) ? <LocalLinkNote /> : null}
            </>
          }
          kind="link"
          secret={opened.link}
          onStored={close}
        />
      ) : null}
      {opened?.what === "withdraw" ? (
        <Confirm
          title={<T id="operators.withdrawTitle" values={{ email: <bdi>{opened.invitation.email}</bdi> }} />}
          button={t("operators.withdraw")}
          run={() => withdrawInvitation(opened.invitation.id)}
          onDone={() => tell(t("operators.withdrewTheLink"))}
          onClose={close}
        >
          <p>{t("operators.withdrawAbout")}</p>
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
          about={t("operators.deactivateAbout")}
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
