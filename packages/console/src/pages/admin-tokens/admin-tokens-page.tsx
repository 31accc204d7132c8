import { Button, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useSearchParams } from "wouter";
import { ApiError } from "../../api/api-error.ts";
import { permits, useMe } from "../../api/me.ts";
import {
  type AdminToken,
  createAdminToken,
  type NewGrant,
  revokeAdminToken,
  useAdminTokens,
} from "../../api/operators.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { type Expiry, ExpiryField, expiresAt } from "../../forms/expiry-field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { Empty, Page } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";
import { GrantFields } from "../operators/grant-fields.tsx";

type Opened =
  | { readonly what: "create" }
  | { readonly what: "token"; readonly token: string | null }
  | { readonly what: "revoke"; readonly token: AdminToken };

/** Admin tokens: with one, a program may do by the admin API what an operator may do here. */
export default function AdminTokensPage() {
  const me = useMe();
  const queries = useQueryClient();
  const [params, setParams] = useSearchParams();
  const query = useAdminTokens(params.get("cursor") ?? undefined);
  const [opened, setOpened] = useState<Opened>();
  const close = () => setOpened(undefined);
  const refresh = () => queries.invalidateQueries({ queryKey: ["admin tokens"] });
  if (!permits(me, "owner")) {
    return (
      <Page title="Admin tokens" about="They let programs administer.">
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
      heading: "Where",
      cell: ({ account }) => (account === null ? <span className="faint">everywhere</span> : <bdi>{account}</bdi>),
    },
    { heading: "Created by", cell: ({ created_by: by }) => <bdi className="soft">{by.replace(/^operator:/, "")}</bdi> },
    { heading: "Expires", cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    { heading: "Last used", cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
    { heading: "Status", cell: ({ status }) => <StatusBadge status={status} /> },
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
      about="With one, a program may do by the admin API what an operator with that role may do here."
      actions={create}
    >
      <DataTable
        caption="Admin tokens"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={3}
        countOf={(count, isOne) => `${count} ${isOne ? "admin token" : "admin tokens"}`}
        paging={{ go: (cursor) => setParams(cursor === undefined ? {} : { cursor }) }}
        empty={
          <Empty icon="token" title="No admin token yet" actions={create}>
            Create one for a script or a pipeline that adds keys or rotates secrets. It is shown once and stored hashed.
          </Empty>
        }
      />
      {opened?.what === "create" ? (
        <CreateDialog
          onClose={close}
          onCreated={(token) => {
            setOpened({ what: "token", token });
            void refresh();
          }}
        />
      ) : null}
      {opened?.what === "token" ? (
        <SecretOnce
          title="Store the admin token"
          about={
            <>
              A program sends it as <code>Authorization: Bearer csat_…</code>. The service keeps only its hash.
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
          button="Revoke for good"
          run={async () => {
            await revokeAdminToken(opened.token.id);
            await refresh();
            tell(
              <>
                Revoked <bdi>{opened.token.name}</bdi>.
              </>,
            );
          }}
          onClose={close}
        >
          <p>
            The program that has it is refused from then on. Last used: <RelativeTime at={opened.token.last_used_at} />.
            It can't be undone.
          </p>
        </Confirm>
      ) : null}
    </Page>
  );
}

function CreateDialog({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (token: string | null) => void;
}) {
  const me = useMe();
  const key = useIdempotencyKey();
  const [name, setName] = useState("");
  const [grant, setGrant] = useState<NewGrant>({ role: "viewer", account: me.account });
  const [expiry, setExpiry] = useState<Expiry>({ kind: "90", date: "" });
  // As it was when the dialog opened: asked twice under one key, it has to be the same question.
  const [openedAtMs] = useState(() => Date.now());
  const creation = useMutation({
    mutationFn: () =>
      createAdminToken({ ...grant, name: name.trim(), expires_at: expiresAt(expiry, openedAtMs) ?? "never" }, key),
    gcTime: 0,
  });
  const refusal = creation.error instanceof ApiError ? creation.error : undefined;
  const shownFields = ["name", "account", "expires_at"];
  const hasFieldProblem = shownFields.some((field) => refusal?.fieldMessage(field) !== undefined);

  function submit(event: FormEvent): void {
    event.preventDefault();
    creation.mutate(undefined, { onSuccess: ({ token }) => onCreated(token) });
  }

  return (
    <Dialog title="New admin token" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {creation.error !== null && !hasFieldProblem ? <Problem error={creation.error} /> : null}
        <TextInput
          label="Name"
          description="What the audit log calls the program."
          placeholder="deploy-pipeline"
          required
          withAsterisk={false}
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          value={name}
          error={refusal?.fieldMessage("name")}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <GrantFields {...grant} onChange={setGrant} accountError={refusal?.fieldMessage("account")} />
        <ExpiryField value={expiry} onChange={setExpiry} error={refusal?.fieldMessage("expires_at")} />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={creation.isPending}>
            Create admin token
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
