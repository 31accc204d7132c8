import { Button } from "@mantine/core";
import { useState } from "react";
import { permits, useMe } from "../../api/me.ts";
import {
  type Node,
  retireSigningKey,
  rotateSigningKey,
  type SigningKey,
  useNodes,
  useSigningKeys,
} from "../../api/service.ts";
import { feedLag } from "../../text/feed-lag.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge, Tag } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

const NODE_COLUMNS: readonly Column<Node>[] = [
  {
    heading: t("signingKeys.node"),
    cell: ({ id, host_name: hostName }) => (
      <span title={t("signingKeys.id", { id })}>
        <bdi className="mono">{hostName ?? id}</bdi>
      </span>
    ),
  },
  { heading: t("signingKeys.version"), cell: ({ version }) => version },
  { heading: t("signingKeys.started"), cell: ({ started_at: at }) => <RelativeTime at={at} /> },
  { heading: t("signingKeys.lastSeen"), cell: ({ seen_at: at }) => <RelativeTime at={at} /> },
  {
    heading: t("signingKeys.changeFeed"),
    cell: ({ feed_lag_seconds: seconds }) => feedLag(seconds)?.text ?? <span className="faint">–</span>,
  },
  { heading: t("signingKeys.knowsSigningKeys"), cell: ({ signing_keys: numbers }) => numbers.join(", ") },
];

/** Lists signing keys, under which tokens are minted, and the nodes that know them. */
export default function SigningKeysPage() {
  const me = useMe();
  const keys = useSigningKeys();
  const nodes = useNodes();
  const [asked, setAsked] = useState<
    { readonly what: "rotate" } | { readonly what: "retire"; readonly key: SigningKey }
  >();
  const mayChange = permits(me, "owner", { everywhere: true });

  const columns: readonly Column<SigningKey>[] = [
    {
      heading: t("signingKeys.signingKey"),
      cell: ({ number, signs }) => (
        <span className="row">
          <strong className="name">{number}</strong>
          {signs ? <Tag>{t("signingKeys.signsNewTokens")}</Tag> : null}
        </span>
      ),
    },
    { heading: t("common.status"), isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: t("signingKeys.masterSecret"),
      isMinor: true,
      cell: ({ master_fingerprint: fingerprint }) => <code>{fingerprint}</code>,
    },
    { heading: t("common.created"), cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    {
      heading: t("signingKeys.signingSince"),
      cell: ({ activated_at: at }) => <RelativeTime at={at} never={t("signingKeys.notYet")} />,
    },
    {
      heading: t("signingKeys.retired"),
      cell: ({ retired_at: at }) => <RelativeTime at={at} never={t("signingKeys.notRetired")} />,
    },
    ...(mayChange
      ? [
          {
            heading: t("common.actions"),
            isActions: true,
            cell: (key: SigningKey) =>
              // The server refuses to retire the key that signs new tokens.
              key.status === "retired" || key.signs ? null : (
                <Button
                  size="xs"
                  variant="default"
                  aria-label={t("signingKeys.retireNamed", { number: key.number })}
                  onClick={() => setAsked({ what: "retire", key })}
                >
                  {t("signingKeys.retire")}
                </Button>
              ),
          },
        ]
      : []),
  ];

  if (!permits(me, "viewer", { everywhere: true })) {
    return (
      <Page title={t("common.signingKeys")} about={t("signingKeys.aboutShort")}>
        <RoleNote me={me} needs="viewer" everywhere what={t("signingKeys.roleNeeded")} />
      </Page>
    );
  }
  return (
    <Page
      title={t("common.signingKeys")}
      about={t("signingKeys.about")}
      actions={
        mayChange ? (
          <Button leftSection={<Icon name="plus" />} onClick={() => setAsked({ what: "rotate" })}>
            {t("signingKeys.rotate")}
          </Button>
        ) : undefined
      }
    >
      <RoleNote me={me} needs="owner" everywhere what={t("signingKeys.roleNeededToChange")} />
      <DataTable
        caption={t("common.signingKeys")}
        columns={columns}
        query={keys}
        keyOf={({ number }) => number}
        skeletonRows={1}
        empty={
          <Empty icon="key" title={t("signingKeys.noSigningKey")}>
            {t("signingKeys.noSigningKeyAbout")}
          </Empty>
        }
      />
      <Section title={t("common.nodes")} about={t("signingKeys.nodesAbout")}>
        <DataTable
          caption={t("common.nodes")}
          columns={NODE_COLUMNS}
          query={nodes}
          keyOf={({ id }) => id}
          skeletonRows={1}
          empty={
            <Empty icon="server" title={t("signingKeys.noNodeYet")}>
              {t("signingKeys.noNodeAbout")}
            </Empty>
          }
        />
      </Section>
      {asked?.what === "rotate" ? (
        <Confirm
          title={t("signingKeys.rotateTitle")}
          button={t("signingKeys.rotate")}
          isDangerous={false}
          run={rotateSigningKey}
          onDone={({ number }) => tell(t("signingKeys.rotated", { number }))}
          onClose={() => setAsked(undefined)}
        >
          <p>{t("signingKeys.rotateAbout")}</p>
          <p>{t("signingKeys.rotateKeepsTokens")}</p>
        </Confirm>
      ) : null}
      {asked?.what === "retire" ? (
        <Confirm
          title={t("signingKeys.retireTitle", { number: asked.key.number })}
          button={t("signingKeys.retireConfirm")}
          typed={{
            text: String(asked.key.number),
            label: <>{t("signingKeys.typeItsNumberToConfirm", { number: asked.key.number })}</>,
          }}
          run={() => retireSigningKey(asked.key.number)}
          onDone={({ number }) => tell(t("signingKeys.retiredSigningKey", { number }))}
          onClose={() => setAsked(undefined)}
        >
          <p>
            <T id="signingKeys.retireAbout" values={{ strong: (words) => <strong>{words}</strong> }} />
          </p>
          <p>{t("signingKeys.retireWhen")}</p>
        </Confirm>
      ) : null}
    </Page>
  );
}
