import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
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
import { Confirm } from "../../ui/confirm.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Empty, Page, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge, Tag } from "../../ui/status-badge.tsx";
import { tell } from "../../ui/tell.tsx";

const NODE_COLUMNS: readonly Column<Node>[] = [
  { heading: "Node", cell: ({ id }) => <code>{id}</code> },
  { heading: "Version", cell: ({ version }) => version },
  { heading: "Started", cell: ({ started_at: at }) => <RelativeTime at={at} /> },
  { heading: "Seen", cell: ({ seen_at: at }) => <RelativeTime at={at} /> },
  { heading: "Can check tokens of", cell: ({ signing_keys: numbers }) => numbers.join(", ") },
];

/** The keys under which tokens are minted, and the nodes that know them. */
export default function SigningKeysPage() {
  const me = useMe();
  const queries = useQueryClient();
  const keys = useSigningKeys();
  const nodes = useNodes();
  const [asked, setAsked] = useState<
    { readonly what: "rotate" } | { readonly what: "retire"; readonly key: SigningKey }
  >();
  const mayChange = permits(me, "owner", { everywhere: true });
  const refresh = () => queries.invalidateQueries({ queryKey: ["signing keys"] });

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
    { heading: "Status", cell: ({ status }) => <StatusBadge status={status} /> },
    { heading: "Master secret", cell: ({ master_fingerprint: fingerprint }) => <code>{fingerprint}</code> },
    { heading: "Made", cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: "Began to sign", cell: ({ activated_at: at }) => <RelativeTime at={at} never="not yet" /> },
    { heading: "Retired", cell: ({ retired_at: at }) => <RelativeTime at={at} never="no" /> },
    ...(mayChange
      ? [
          {
            heading: "Actions",
            isActions: true,
            cell: (key: SigningKey) =>
              // The only key that signs can't go before there is another: the server would refuse it.
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
      about="Tokens are minted under a signing key, which derives from the master secret and is stored nowhere."
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
            The server makes the first one when it starts.
          </Empty>
        }
      />
      <Section
        title="Nodes"
        about="Processes that serve. A new signing key begins to sign once each of them can check its tokens."
      >
        <DataTable
          caption="Nodes"
          columns={NODE_COLUMNS}
          query={nodes}
          keyOf={({ id }) => id}
          skeletonRows={1}
          empty={
            <Empty icon="server" title="No node has reported yet">
              Each process that serves says so every few seconds.
            </Empty>
          }
        />
      </Section>
      {asked?.what === "rotate" ? (
        <Confirm
          title="Make the next signing key?"
          button="Make it"
          isDangerous={false}
          run={async () => {
            const { number } = await rotateSigningKey();
            await refresh();
            tell(`Signing key ${number} is made; it begins to sign once every node knows it.`);
          }}
          onClose={() => setAsked(undefined)}
        >
          <p>
            It derives from the present master secret and waits until every live node can check its tokens, which takes
            seconds. Then new tokens are signed with it.
          </p>
          <p>No token dies: those of the key before stay good until they expire.</p>
        </Confirm>
      ) : null}
      {asked?.what === "retire" ? (
        <Confirm
          title={`Retire signing key ${asked.key.number} for good?`}
          button="Retire it, and end its tokens"
          typed={{ text: String(asked.key.number), label: <>Type its number, {asked.key.number}</> }}
          run={async () => {
            await retireSigningKey(asked.key.number);
            await refresh();
            tell(`Retired signing key ${asked.key.number}.`);
          }}
          onClose={() => setAsked(undefined)}
        >
          <p>
            <strong>Every token that was minted under it dies at once, of every API user.</strong> Clients notice, and
            have to exchange anew. It can't be undone.
          </p>
          <p>
            After a rotation that isn't necessary: its tokens expire by themselves, after 12 hours at most. It is for a
            master secret that somebody got hold of.
          </p>
        </Confirm>
      ) : null}
    </Page>
  );
}
