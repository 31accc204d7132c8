import { Button } from "@mantine/core";
import { useState } from "react";
import { permits, useMe } from "../../api/me.ts";
import {
  changeResourceServer,
  type NamedFilter,
  readResourceServer,
  type ResourceServer,
  useResourceServers,
} from "../../api/service.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { SearchField, StatusFilter } from "../../forms/filters.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { activate, DeactivateDialog, type Switchable } from "../../forms/standing-change.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { CreateServerDialog } from "./create-server-dialog.tsx";
import { RotateSecretDialog } from "./rotate-secret-dialog.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

type Opened =
  | { readonly what: "create" }
  | { readonly what: "rotate" | "deactivate"; readonly server: ResourceServer }
  | { readonly what: "secret"; readonly clientId: string; readonly secret: string | null };

/** Lists resource servers: the APIs that receive tokens and check them. */
export default function ResourceServersPage() {
  const me = useMe();
  const filters = useFilters(["q", "status"]);
  const query = useResourceServers(filters.values as NamedFilter);
  const [opened, setOpened] = useState<Opened>();
  const mayChange = permits(me, "admin", { everywhere: true });
  const close = () => setOpened(undefined);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "create" })}>
      {t("resourceServers.newResourceServer")}
    </Button>
  );

  const showSecret = (server: { client_id: string; client_secret: string | null }) =>
    setOpened({ what: "secret", clientId: server.client_id, secret: server.client_secret });

  const columns: readonly Column<ResourceServer>[] = [
    {
      heading: t("common.name"),
      cell: ({ name }) => (
        <strong className="name">
          <bdi>{name}</bdi>
        </strong>
      ),
    },
    {
      heading: t("resourceServers.clientId"),
      cell: ({ client_id: id }) => (
        <span className="row nowrap">
          <code>{id}</code>
          <CopyButton isIcon text={id} label={t("resourceServers.copyClientId", { id })} />
        </span>
      ),
    },
    { heading: t("common.created"), cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    {
      heading: t("common.previousSecret"),
      cell: ({ previous_secret_ends_at: at }) =>
        at === null ? (
          <span className="faint">{t("resourceServers.none")}</span>
        ) : (
          <span>
            <T id="resourceServers.ends" values={{ at: <RelativeTime at={at} /> }} />
          </span>
        ),
    },
    { heading: t("common.status"), isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    ...(mayChange
      ? [
          {
            heading: t("common.actions"),
            isActions: true,
            cell: (server: ResourceServer) => (
              <div className="row-end">
                <Button
                  size="xs"
                  variant="default"
                  aria-label={t("resourceServers.newSecretTitle", { name: server.name })}
                  onClick={() => setOpened({ what: "rotate", server })}
                >
                  {t("secret.new")}
                </Button>
                <ActionsMenu label={t("common.moreFor", { name: server.name })}>
                  {server.status === "active" ? (
                    <Action isDangerous onClick={() => setOpened({ what: "deactivate", server })}>
                      {t("common.deactivateEllipsis")}
                    </Action>
                  ) : (
                    <Action onClick={() => void activate(switchableServer(server.name))}>{t("common.activate")}</Action>
                  )}
                </ActionsMenu>
              </div>
            ),
          },
        ]
      : []),
  ];

  if (!permits(me, "viewer", { everywhere: true })) {
    return (
      <Page title={t("common.resourceServers")} about={t("resourceServers.aboutShort")}>
        <RoleNote me={me} needs="viewer" everywhere what={t("resourceServers.roleNeeded")} />
      </Page>
    );
  }
  return (
    <Page
      title={t("common.resourceServers")}
      about={t("resourceServers.about")}
      actions={mayChange ? create : undefined}
    >
      <RoleNote me={me} needs="admin" everywhere what={t("resourceServers.roleNeededToChange")} />
      <div className="filters">
        <SearchField
          label={t("resourceServers.searchResourceServers")}
          placeholder={t("common.name")}
          filters={filters}
        />
        <StatusFilter filters={filters} />
      </div>
      <DataTable
        caption={t("common.resourceServers")}
        columns={columns}
        query={query}
        keyOf={({ client_id: id }) => id}
        counted={(count) => t("resourceServers.count", { count })}
        goTo={filters.goTo}
        empty={
          filters.hasAny ? (
            <NoMatch title={t("resourceServers.noResourceServerMatches")} path="/resource-servers">
              {t("resourceServers.searchHint")}
            </NoMatch>
          ) : (
            <Empty
              icon="server"
              title={t("resourceServers.noResourceServerYet")}
              actions={mayChange ? create : undefined}
            >
              {t("resourceServers.emptyAbout")}
            </Empty>
          )
        }
      />
      {opened?.what === "create" ? <CreateServerDialog onClose={close} onCreated={showSecret} /> : null}
      {opened?.what === "rotate" ? (
        <RotateSecretDialog server={opened.server} onClose={close} onRotated={showSecret} />
      ) : null}
      {opened?.what === "deactivate" ? (
        <DeactivateDialog
          thing={switchableServer(opened.server.name)}
          about={t("resourceServers.deactivateAbout")}
          onClose={close}
        />
      ) : null}
      {opened?.what === "secret" ? (
        <SecretOnce
          title={t("secret.store")}
          about={<T id="resourceServers.secretAbout" values={{ clientId: <code>{opened.clientId}</code> }} />}
          kind="secret"
          secret={opened.secret}
          onStored={close}
        />
      ) : null}
    </Page>
  );
}

function switchableServer(name: string): Switchable {
  return {
    kind: "resourceServer",
    name: <bdi>{name}</bdi>,
    read: () => readResourceServer(name),
    change: (patch, etag) => changeResourceServer(name, patch, etag),
  };
}
