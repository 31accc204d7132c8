import { Button } from "@mantine/core";
import { type Invitation, useInvitations } from "../../api/operators.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";

const KINDS = {
  setup: t("operators.kindSetup"),
  invitation: t("operators.kindInvitation"),
  reset: t("operators.kindReset"),
} as const satisfies Record<Invitation["kind"], string>;

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
      cell: ({ kind }) => KINDS[kind],
    },
    { heading: t("common.role"), cell: ({ role }) => roleName(role) },
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
