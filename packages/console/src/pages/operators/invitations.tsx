import { Button } from "@mantine/core";
import { type Invitation, useInvitations } from "../../api/operators.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { t } from "../../text/t.ts";

/** Lists one-time links that are neither used nor expired. */
export function Invitations({ withdraw }: { readonly withdraw: (invitation: Invitation) => void }) {
  const query = useInvitations();
  const columns: readonly Column<Invitation>[] = [
    {
      heading: t("operators.for"),
      cell: ({ email }) => (
        <strong className="name">
          <bdi>{email ?? t("operators.anyoneWithTheLink")}</bdi>
        </strong>
      ),
    },
    {
      heading: t("operators.kind"),
      cell: ({ kind }) => ({ setup: "set-up", invitation: "invitation", reset: "reset" })[kind],
    },
    { heading: t("operators.role"), cell: ({ role }) => role },
    {
      heading: t("operators.scope"),
      cell: ({ account }) =>
        account === null ? <span className="faint">{t("operators.allAccounts")}</span> : <bdi>{account}</bdi>,
    },
    { heading: t("operators.created"), cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: t("operators.expires"), cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    {
      heading: t("operators.actions"),
      isActions: true,
      cell: (invitation) => (
        <Button
          size="xs"
          variant="default"
          aria-label={t("operators.withdrawTheLinkFor", { email: invitation.email ?? t("operators.anyone") })}
          onClick={() => withdraw(invitation)}
        >
          {t("operators.withdraw")}
        </Button>
      ),
    },
  ];
  return (
    <Section title={t("operators.oneTimeLinks")} about={t("operators.linksThatHaventBeenUsed")}>
      <DataTable
        caption={t("operators.oneTimeLinks")}
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={1}
        empty={
          <Empty icon="operators" title={t("operators.noOpenLink")}>
            {t("operators.theLinkOfAnInvitation")}
          </Empty>
        }
      />
    </Section>
  );
}
