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
      heading: t("common.kind"),
      cell: ({ kind }) => ({ setup: "set-up", invitation: "invitation", reset: "reset" })[kind],
    },
    { heading: t("common.role"), cell: ({ role }) => role },
    {
      heading: t("common.scope"),
      cell: ({ account }) =>
        account === null ? <span className="faint">{t("common.allAccounts")}</span> : <bdi>{account}</bdi>,
    },
    { heading: t("common.created"), cell: ({ created_at: at }) => <RelativeTime at={at} /> },
    { heading: t("common.expires"), cell: ({ expires_at: at }) => <RelativeTime at={at} /> },
    {
      heading: t("common.actions"),
      isActions: true,
      cell: (invitation) => (
        <Button
          size="xs"
          variant="default"
          aria-label={t("operators.withdrawNamed", { email: invitation.email ?? t("operators.anyone") })}
          onClick={() => withdraw(invitation)}
        >
          {t("operators.withdraw")}
        </Button>
      ),
    },
  ];
  return (
    <Section title={t("operators.oneTimeLinks")} about={t("operators.linksAbout")}>
      <DataTable
        caption={t("operators.oneTimeLinks")}
        columns={columns}
        query={query}
        keyOf={({ id }) => id}
        skeletonRows={1}
        empty={
          <Empty icon="operators" title={t("operators.noOpenLink")}>
            {t("operators.noOpenLinkAbout")}
          </Empty>
        }
      />
    </Section>
  );
}
