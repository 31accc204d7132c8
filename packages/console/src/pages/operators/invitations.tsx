import { Button } from "@mantine/core";
import { type Invitation, useInvitations } from "../../api/operators.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";

/** Lists one-time links that are neither used nor expired. */
export function Invitations({ withdraw }: { readonly withdraw: (invitation: Invitation) => void }) {
  const query = useInvitations();
  const columns: readonly Column<Invitation>[] = [
    {
      heading: "For",
      cell: ({ email }) => (
        <strong className="name">
          <bdi>{email ?? "anyone with the link"}</bdi>
        </strong>
      ),
    },
    {
      heading: "Kind",
      cell: ({ kind }) => ({ setup: "set-up", invitation: "invitation", reset: "reset" })[kind],
    },
    { heading: "Role", cell: ({ role }) => role },
    {
      heading: "Scope",
      cell: ({ account }) => (account === null ? <span className="faint">all accounts</span> : <bdi>{account}</bdi>),
    },
    { heading: "Created", cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: "Expires", cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    {
      heading: "Actions",
      isActions: true,
      cell: (invitation) => (
        <Button
          size="xs"
          variant="default"
          aria-label={`Withdraw the link for ${invitation.email ?? "anyone"}`}
          onClick={() => withdraw(invitation)}
        >
          Withdraw
        </Button>
      ),
    },
  ];
  return (
    <Section title="One-time links" about="Links that haven't been used. Each works once, until it expires.">
      <DataTable
        caption="One-time links"
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={1}
        empty={
          <Empty icon="operators" title="No open link">
            The link of an invitation is listed here until it is used.
          </Empty>
        }
      />
    </Section>
  );
}
