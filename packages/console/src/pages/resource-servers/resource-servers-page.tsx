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
      New resource server
    </Button>
  );

  const showSecret = (server: { client_id: string; client_secret: string | null }) =>
    setOpened({ what: "secret", clientId: server.client_id, secret: server.client_secret });

  const columns: readonly Column<ResourceServer>[] = [
    {
      heading: "Name",
      cell: ({ name }) => (
        <strong className="name">
          <bdi>{name}</bdi>
        </strong>
      ),
    },
    {
      heading: "Client ID",
      cell: ({ client_id: id }) => (
        <span className="row nowrap">
          <code>{id}</code>
          <CopyButton isIcon text={id} label={`Copy client ID ${id}`} />
        </span>
      ),
    },
    { heading: "Created", cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    {
      heading: "Previous secret",
      cell: ({ previous_secret_ends_at: at }) =>
        at === null ? (
          <span className="faint">none</span>
        ) : (
          <span>
            ends <RelativeTime at={at} />
          </span>
        ),
    },
    { heading: "Status", isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    ...(mayChange
      ? [
          {
            heading: "Actions",
            isActions: true,
            cell: (server: ResourceServer) => (
              <div className="row-end">
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`New secret for ${server.name}`}
                  onClick={() => setOpened({ what: "rotate", server })}
                >
                  New secret
                </Button>
                <ActionsMenu label={`More for ${server.name}`}>
                  {server.status === "active" ? (
                    <Action isDangerous onClick={() => setOpened({ what: "deactivate", server })}>
                      Deactivate…
                    </Action>
                  ) : (
                    <Action onClick={() => void activate(switchableServer(server.name))}>Activate</Action>
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
      <Page title="Resource servers" about="APIs that receive tokens and check them.">
        <RoleNote me={me} needs="viewer" everywhere what="see resource servers, which belong to no account" />
      </Page>
    );
  }
  return (
    <Page
      title="Resource servers"
      about="APIs that receive tokens and check them, by introspection or with the verifier."
      actions={mayChange ? create : undefined}
    >
      <RoleNote me={me} needs="admin" everywhere what="create or change resource servers" />
      <div className="filters">
        <SearchField label="Search resource servers" placeholder="Name" filters={filters} />
        <StatusFilter filters={filters} />
      </div>
      <DataTable
        caption="Resource servers"
        columns={columns}
        query={query}
        keyOf={({ client_id: id }) => id}
        nouns={["resource server", "resource servers"]}
        goTo={filters.goTo}
        empty={
          filters.hasAny ? (
            <NoMatch title="No resource server matches" path="/resource-servers">
              The search matches the beginning of a name.
            </NoMatch>
          ) : (
            <Empty icon="server" title="No resource server yet" actions={mayChange ? create : undefined}>
              Create one for each API that uses introspection or the verifier. A gateway that uses the check endpoint
              needs none.
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
          about="Its requests are refused: the API that uses these credentials can't check tokens until the resource server is activated again."
          onClose={close}
        />
      ) : null}
      {opened?.what === "secret" ? (
        <SecretOnce
          title="Store the secret"
          about={
            <>
              The API signs in with the client ID <code>{opened.clientId}</code> and this secret. The service stores
              only its hash.
            </>
          }
          name="secret"
          secret={opened.secret}
          onStored={close}
        />
      ) : null}
    </Page>
  );
}

function switchableServer(name: string): Switchable {
  return {
    name: (
      <>
        the resource server <bdi>{name}</bdi>
      </>
    ),
    read: () => readResourceServer(name),
    change: (patch, etag) => changeResourceServer(name, patch, etag),
  };
}
