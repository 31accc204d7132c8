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
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

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
      <Page title={t("common.adminTokens")} about={t("adminTokens.aboutShort")}>
        <RoleNote me={me} needs="owner" what={t("adminTokens.roleNeeded")} />
      </Page>
    );
  }
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "create" })}>
      {t("adminTokens.newAdminToken")}
    </Button>
  );
  const columns: readonly Column<AdminToken>[] = [
    {
      heading: t("common.name"),
      cell: ({ name, host_name: hostName, operator }) => (
        <>
          <strong className="name">
            <bdi>{name}</bdi>
          </strong>
          {hostName === null ? null : (
            <div className="faint">
              <T
                id="adminTokens.commandLine"
                values={{ hostName: <bdi>{hostName}</bdi>, operator: <bdi>{operator}</bdi> }}
              />
            </div>
          )}
        </>
      ),
    },
    { heading: t("common.role"), cell: ({ role }) => roleName(role) },
    {
      heading: t("common.scope"),
      cell: ({ account }) =>
        account === null ? <span className="faint">{t("common.allAccounts")}</span> : <bdi>{account}</bdi>,
    },
    {
      heading: t("adminTokens.createdBy"),
      isMinor: true,
      cell: ({ created_by: by }) => <bdi className="soft">{by.replace(/^operator:/, "")}</bdi>,
    },
    { heading: t("common.expires"), cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    { heading: t("common.lastUsed"), cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
    { heading: t("common.status"), isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: t("common.actions"),
      isActions: true,
      cell: (token) =>
        token.status === "revoked" ? null : (
          <Button
            size="xs"
            variant="default"
            aria-label={t("adminTokens.revokeNamed", { name: token.name })}
            onClick={() => setOpened({ what: "revoke", token })}
          >
            {t("common.revoke")}
          </Button>
        ),
    },
  ];
  return (
    <Page title={t("common.adminTokens")} about={t("adminTokens.about")} actions={create}>
      <DataTable
        caption={t("common.adminTokens")}
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        counted={(count) => t("adminTokens.count", { count })}
        goTo={goTo}
        empty={
          <Empty icon="token" title={t("adminTokens.noAdminTokenYet")} actions={create}>
            {t("adminTokens.emptyAbout")}
          </Empty>
        }
      />
      {opened?.what === "create" ? (
        <CreateTokenDialog onClose={close} onCreated={(token) => setOpened({ what: "token", token })} />
      ) : null}
      {opened?.what === "token" ? (
        <SecretOnce
          title={t("adminTokens.storeTitle")}
          about={<T id="adminTokens.secretAbout" values={{ code: (words) => <code>{words}</code> }} />}
          kind="adminToken"
          secret={opened.token}
          onStored={close}
        />
      ) : null}
      {opened?.what === "revoke" ? (
        <Confirm
          title={<T id="adminTokens.revokeTitle" values={{ name: <bdi>{opened.token.name}</bdi> }} />}
          button={t("common.revokePermanently")}
          run={() => revokeAdminToken(opened.token.id)}
          onDone={({ name }) => tell(<T id="adminTokens.revoked" values={{ name: <bdi>{name}</bdi> }} />)}
          onClose={close}
        >
          <p>
            <T id="adminTokens.revokeAbout" values={{ lastUsedAt: <RelativeTime at={opened.token.last_used_at} /> }} />
          </p>
        </Confirm>
      ) : null}
    </Page>
  );
}
