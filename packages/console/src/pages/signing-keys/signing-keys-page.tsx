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
import { Confirm } from "../../forms/confirm.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge, Tag } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";

const NODE_COLUMNS: readonly Column<Node>[] = [
  {
    heading: "Node",
    cell: ({ id, host_name: hostName }) => (
      <span title={`Id ${id}`}>
        <bdi className="mono">{hostName ?? id}</bdi>
      </span>
    ),
  },
  { heading: "Version", cell: ({ version }) => version },
  { heading: "Started", cell: ({ started_at: at }) => <RelativeTime at={at} /> },
  { heading: "Last seen", cell: ({ seen_at: at }) => <RelativeTime at={at} /> },
  { heading: "Knows signing keys", cell: ({ signing_keys: numbers }) => numbers.join(", ") },
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
      heading: "Signing key",
      cell: ({ number, signs }) => (
        <span className="row">
          <strong className="name">{number}</strong>
          {signs ? <Tag>signs new tokens</Tag> : null}
        </span>
      ),
    },
    { heading: "Status", isLead: true, cell: ({ status }) => <StatusBadge status={status} /> },
    {
      heading: "Master secret",
      isMinor: true,
      cell: ({ master_fingerprint: fingerprint }) => <code>{fingerprint}</code>,
    },
    { heading: "Created", cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: "Signing since", cell: ({ activated_at: at }) => <RelativeTime at={at} never="not yet" /> },
    { heading: "Retired", cell: ({ retired_at: at }) => <RelativeTime at={at} never="no" /> },
    ...(mayChange
      ? [
          {
            heading: "Actions",
            isActions: true,
            cell: (key: SigningKey) =>
              // The server refuses to retire the key that signs new tokens.
              key.status === "retired" || key.signs ? null : (
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Retire signing key ${key.number}`}
                  onClick={() => setAsked({ what: "retire", key })}
                >
                  Retire
                </Button>
              ),
          },
        ]
      : []),
  ];

  if (!permits(me, "viewer", { everywhere: true })) {
    return (
      <Page title="Signing keys" about="Tokens are minted under a signing key.">
        <RoleNote me={me} needs="viewer" everywhere what="see signing keys, which belong to no account" />
      </Page>
    );
  }
  return (
    <Page
      title="Signing keys"
      about="Tokens are minted under a signing key. It is derived from the master secret and stored nowhere."
      actions={
        mayChange ? (
          <Button leftSection={<Icon name="plus" />} onClick={() => setAsked({ what: "rotate" })}>
            Rotate
          </Button>
        ) : undefined
      }
    >
      <RoleNote me={me} needs="owner" everywhere what="rotate or retire signing keys" />
      <DataTable
        caption="Signing keys"
        columns={columns}
        query={keys}
        keyOf={({ number }) => number}
        skeletonRows={1}
        empty={
          <Empty icon="key" title="No signing key">
            The server creates the first one when it starts.
          </Empty>
        }
      />
      <Section
        title="Nodes"
        about="Running server processes. A new signing key starts signing once every node knows it."
      >
        <DataTable
          caption="Nodes"
          columns={NODE_COLUMNS}
          query={nodes}
          keyOf={({ id }) => id}
          skeletonRows={1}
          empty={
            <Empty icon="server" title="No node has reported yet">
              Each node reports every few seconds.
            </Empty>
          }
        />
      </Section>
      {asked?.what === "rotate" ? (
        <Confirm
          title="Rotate the signing key?"
          button="Rotate"
          isDangerous={false}
          run={rotateSigningKey}
          onDone={({ number }) => tell(`Created signing key ${number}. It starts signing once every node knows it.`)}
          onClose={() => setAsked(undefined)}
        >
          <p>
            The next signing key is derived from the current master secret. It starts signing new tokens once every live
            node knows it, within seconds.
          </p>
          <p>No token ends: tokens of the current key stay valid until they expire.</p>
        </Confirm>
      ) : null}
      {asked?.what === "retire" ? (
        <Confirm
          title={`Retire signing key ${asked.key.number} permanently?`}
          button="Retire it and end its tokens"
          typed={{ text: String(asked.key.number), label: <>Type its number, {asked.key.number}, to confirm</> }}
          run={() => retireSigningKey(asked.key.number)}
          onDone={({ number }) => tell(`Retired signing key ${number}.`)}
          onClose={() => setAsked(undefined)}
        >
          <p>
            <strong>Every token minted under it ends at once, for every API user.</strong> Clients have to exchange a
            new assertion. This can't be undone.
          </p>
          <p>
            You don't need this after a rotation: the tokens expire on their own within 12 hours. Use it if the master
            secret has been exposed.
          </p>
        </Confirm>
      ) : null}
    </Page>
  );
}
