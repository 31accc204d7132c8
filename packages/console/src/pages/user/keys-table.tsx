import { Button } from "@mantine/core";
import { useState } from "react";
import { permits, useMe } from "../../api/me.ts";
import { changeKey, type PublicKey, readKey, useKeys } from "../../api/registry.ts";
import { useFilters } from "../../forms/search-state.ts";
import { Action, ActionsMenu } from "../../ui/actions-menu.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { activate, type Switchable } from "../../forms/standing-change.tsx";
import { Note } from "../../ui/problem.tsx";
import { weaknessText } from "../../text/weakness.ts";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { DeactivateKeyDialog } from "./deactivate-key-dialog.tsx";
import { EditKeyDialog } from "./edit-key-dialog.tsx";
import { KeyName, keyTitle } from "./key-name.tsx";
import { RevokeKeyDialog } from "./revoke-key-dialog.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

type Asked = { readonly what: "deactivate" | "edit" | "revoke"; readonly key: PublicKey };

/** An API user's public keys with their actions. The most urgent action has its own button. */
export function KeysTable({ username, onAdd }: { readonly username: string; readonly onAdd: () => void }) {
  const me = useMe();
  const { values, goTo } = useFilters();
  const query = useKeys(username, values.cursor);
  const [asked, setAsked] = useState<Asked>();
  const mayChange = permits(me, "admin");
  const close = () => setAsked(undefined);

  const columns: readonly Column<PublicKey>[] = [
    { heading: t("common.key"), cell: (key) => <KeyName publicKey={key} others={query.data?.items ?? []} /> },
    { heading: t("common.bits"), isEnd: true, isMinor: true, cell: ({ bits }) => bits },
    { heading: t("common.status"), isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    { heading: t("common.created"), isMinor: true, cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: t("common.expires"), cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    { heading: t("common.lastUsed"), cell: ({ last_used_at: at }) => <RelativeTime at={at} /> },
    ...(mayChange
      ? [
          {
            heading: t("common.actions"),
            isActions: true,
            cell: (key: PublicKey) => (
              <KeyActions
                publicKey={key}
                ask={(what) => setAsked({ what, key })}
                activate={() => void activate(switchableKey(key))}
              />
            ),
          },
        ]
      : []),
  ];

  return (
    <>
      {query.data?.items
        .filter(({ weakness, status }) => weakness !== null && status !== "revoked")
        .map((key) => (
          <Note kind="warning" key={key.id}>
            <strong>
              <T id="user.isWeak" values={{ key: keyTitle(key), label: weaknessText(key.weakness ?? "").label }} />
            </strong>{" "}
            {weaknessText(key.weakness ?? "").about}
          </Note>
        ))}
      <DataTable
        caption={t("common.publicKeys")}
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={1}
        skeletonHeight={85}
        {...((query.data?.count ?? 0) > 50 ? { counted: (count: number) => t("keys.count", { count }), goTo } : {})}
        empty={
          <Empty
            icon="key"
            title={t("common.noPublicKeyYet")}
            actions={
              mayChange ? (
                <Button leftSection={<Icon name="plus" />} onClick={onAdd}>
                  {t("user.addAKey")}
                </Button>
              ) : undefined
            }
          >
            {mayChange ? t("user.noKeyAbout") : t("user.noKeyAboutViewer")}
          </Empty>
        }
      />
      {asked?.what === "deactivate" ? (
        <DeactivateKeyDialog publicKey={asked.key} thing={switchableKey(asked.key)} onClose={close} />
      ) : null}
      {asked?.what === "edit" ? <EditKeyDialog publicKey={asked.key} onClose={close} /> : null}
      {asked?.what === "revoke" ? <RevokeKeyDialog publicKey={asked.key} onClose={close} /> : null}
    </>
  );
}

function switchableKey(key: PublicKey): Switchable {
  return {
    name: key.label === null ? t("common.keyNumber", { id: key.id }) : <bdi>{key.label}</bdi>,
    read: () => readKey(key.id),
    change: (patch, etag) => changeKey(key.id, patch, etag),
  };
}

function KeyActions({
  publicKey,
  ask,
  activate,
}: {
  readonly publicKey: PublicKey;
  readonly ask: (what: Asked["what"]) => void;
  readonly activate: () => void;
}) {
  const { status, id, label } = publicKey;
  const name = label ?? t("common.keyNumber", { id });
  if (status === "revoked") return null;
  return (
    <div className="row-end">
      {status === "deactivated" ? (
        <Button size="xs" variant="default" onClick={activate} aria-label={t("common.activateNamed", { name })}>
          {t("common.activate")}
        </Button>
      ) : (
        <Button
          size="xs"
          variant="default"
          onClick={() => ask("deactivate")}
          aria-label={t("common.deactivateNamed", { name })}
        >
          {t("common.deactivate")}
        </Button>
      )}
      <ActionsMenu label={t("common.moreFor", { name })}>
        <Action onClick={() => ask("edit")}>{t("common.editEllipsis")}</Action>
        <Action isDangerous onClick={() => ask("revoke")}>
          {t("user.revokePermanentlyEllipsis")}
        </Action>
      </ActionsMenu>
    </div>
  );
}
