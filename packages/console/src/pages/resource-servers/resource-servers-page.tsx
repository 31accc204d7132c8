import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useCallback, useState } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../../api/api-error.ts";
import { permits, useMe } from "../../api/me.ts";
import {
  changeResourceServer,
  createResourceServer,
  type NamedFilter,
  readResourceServer,
  type ResourceServer,
  rotateResourceServerSecret,
  useResourceServers,
} from "../../api/service.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
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
import { SecretOnce } from "../../ui/secret-once.tsx";
import { DeactivateDialog, type Switchable, useStandingChange } from "../../ui/standing-change.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";

type Opened =
  | { readonly what: "create" }
  | { readonly what: "rotate" | "deactivate"; readonly server: ResourceServer }
  | { readonly what: "secret"; readonly clientId: string; readonly secret: string | null };

/** Resource servers: the APIs that receive tokens and ask about them. */
export default function ResourceServersPage() {
  const me = useMe();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const { values, set, hasAny } = useFilters(["q", "status"]);
  const query = useResourceServers(values as NamedFilter);
  const search = useCallback((q: string) => set({ q }, { isReplacing: true }), [set]);
  const [opened, setOpened] = useState<Opened>();
  const { activate } = useStandingChange();
  const mayChange = permits(me, "admin", { everywhere: true });
  const close = () => setOpened(undefined);
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setOpened({ what: "create" })}>
      New resource server
    </Button>
  );

  function showSecret({
    client_id: clientId,
    client_secret: secret,
  }: {
    client_id: string;
    client_secret: string | null;
  }) {
    setOpened({ what: "secret", clientId, secret });
    void queries.invalidateQueries({ queryKey: ["resource servers"] });
  }

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
      heading: "Client id",
      cell: ({ client_id: id }) => (
        <span className="row nowrap">
          <code>{id}</code>
          <CopyButton isIcon text={id} label={`Copy client id ${id}`} />
        </span>
      ),
    },
    { heading: "Created", cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    {
      heading: "Secret before",
      cell: ({ previous_secret_ends_at: at }) =>
        at === null ? (
          <span className="faint">none</span>
        ) : (
          <span>
            ends <RelativeTime at={at} />
          </span>
        ),
    },
    { heading: "Status", cell: ({ status }) => <StatusBadge status={status} /> },
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
      <Page title="Resource servers" about="APIs that receive tokens and ask whether they are good.">
        <RoleNote me={me} needs="viewer" everywhere what="see resource servers, which belong to no account" />
      </Page>
    );
  }
  return (
    <Page
      title="Resource servers"
      about="APIs that receive tokens and ask whether they are good: by introspection, or with the verifier."
      actions={mayChange ? create : undefined}
    >
      <RoleNote me={me} needs="admin" everywhere what="create or change resource servers" />
      <div className="filters">
        <SearchField label="Search resource servers" placeholder="Name" value={values.q ?? ""} onChange={search} />
        <StatusFilter value={values.status} onChange={(status) => set({ status })} />
      </div>
      <DataTable
        caption="Resource servers"
        columns={columns}
        query={query}
        keyOf={({ client_id: id }) => id}
        countOf={(count, isOne) => `${count} ${isOne ? "resource server" : "resource servers"}`}
        paging={{ go: (cursor) => set({ cursor }) }}
        empty={
          hasAny ? (
            <Empty
              icon="search"
              title="No resource server matches"
              actions={
                <Button variant="default" onClick={() => navigate("/resource-servers")}>
                  Clear search and filters
                </Button>
              }
            >
              The search looks at how a name begins.
            </Empty>
          ) : (
            <Empty icon="server" title="No resource server yet" actions={mayChange ? create : undefined}>
              Create one for each API that uses introspection or the verifier. A gateway that asks the check needs none.
            </Empty>
          )
        }
      />
      {opened?.what === "create" ? <CreateDialog onClose={close} onCreated={showSecret} /> : null}
      {opened?.what === "rotate" ? (
        <RotateDialog server={opened.server} onClose={close} onRotated={showSecret} />
      ) : null}
      {opened?.what === "deactivate" ? (
        <DeactivateDialog
          thing={switchableServer(opened.server.name)}
          about="Its questions are refused from then on: the API that asks as this resource server can't tell good tokens from bad ones, until somebody activates it again."
          onClose={close}
        />
      ) : null}
      {opened?.what === "secret" ? (
        <SecretOnce
          title="Store the secret"
          about={
            <>
              The API signs in with the client id <code>{opened.clientId}</code> and this secret. The service keeps only
              its hash.
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

function switchableServer(name: string): Switchable<ResourceServer> {
  return {
    name: (
      <>
        the resource server <bdi>{name}</bdi>
      </>
    ),
    read: () => readResourceServer(name),
    change: (patch, etag) => changeResourceServer(name, patch, etag),
    staleQueries: ["resource servers", "audit"],
  };
}

interface WithSecret {
  readonly client_id: string;
  readonly client_secret: string | null;
}

function CreateDialog({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (server: WithSecret) => void;
}) {
  const key = useIdempotencyKey();
  const [name, setName] = useState("");
  const creation = useMutation({ mutationFn: () => createResourceServer(name.trim(), key), gcTime: 0 });
  const problem = creation.error instanceof ApiError ? creation.error.fieldMessage("name") : undefined;

  function submit(event: FormEvent): void {
    event.preventDefault();
    creation.mutate(undefined, { onSuccess: onCreated });
  }

  return (
    <Dialog title="New resource server" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {creation.error !== null && problem === undefined ? <Problem error={creation.error} /> : null}
        <TextInput
          label="Name"
          description="Lower-case letters, digits and . _ -; such as the API is called."
          placeholder="orders-api"
          required
          withAsterisk={false}
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          value={name}
          error={problem}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={creation.isPending}>
            Create resource server
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

const GRACES = [
  ["0", "Not at all: it ends now"],
  ["3600", "For 1 hour"],
  ["86400", "For 24 hours"],
  ["604800", "For 7 days"],
] as const;

function RotateDialog({
  server,
  onClose,
  onRotated,
}: {
  readonly server: ResourceServer;
  readonly onClose: () => void;
  readonly onRotated: (server: WithSecret) => void;
}) {
  const [grace, setGrace] = useState("86400");
  const rotation = useMutation({
    mutationFn: () => rotateResourceServerSecret(server.name, Number(grace)),
    gcTime: 0,
  });
  return (
    <Dialog
      title={
        <>
          New secret for <bdi>{server.name}</bdi>
        </>
      }
      onClose={onClose}
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          rotation.mutate(undefined, { onSuccess: onRotated });
        }}
      >
        {rotation.error === null ? null : <Problem error={rotation.error} />}
        <NativeSelect
          label="The present secret goes on working"
          description="Long enough to give the API the new one."
          value={grace}
          onChange={(event) => setGrace(event.currentTarget.value)}
          data={GRACES.map(([value, label]) => ({ value, label }))}
        />
        {server.previous_secret_ends_at === null ? null : (
          <p className="soft">
            The secret before it, which ends <RelativeTime at={server.previous_secret_ends_at} />, ends at once.
          </p>
        )}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color={grace === "0" ? "red" : "blue"} loading={rotation.isPending}>
            Make the new secret
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
