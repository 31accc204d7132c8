import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { type Operator, useOperators } from "../../api/operators.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";

const COLUMNS: readonly Column<Operator>[] = [
  {
    heading: t("common.emailAddress"),
    cell: ({ email }) => (
      <strong className="name">
        <bdi>{email}</bdi>
      </strong>
    ),
  },
  { heading: t("common.role"), width: 100, cell: ({ role }) => roleName(role) },
  {
    heading: t("common.scope"),
    width: 150,
    cell: ({ account }) =>
      account === null ? <span className="faint">{t("common.allAccounts")}</span> : t("account.thisAccount"),
  },
  {
    heading: t("operators.lastSignedIn"),
    isMinor: true,
    width: 140,
    cell: ({ last_signed_in_at: at }) => <RelativeTime at={at} />,
  },
  { heading: t("common.status"), isLead: true, width: 130, cell: ({ status }) => <StatusBadge status={status} /> },
];

/** The operators who can see an account, the first page of them: those limited to it, and those for all accounts. */
export function AccountOperators({ shortname }: { readonly shortname: string }) {
  const me = useMe();
  const mayRead = permits(me, "owner");
  return (
    <Section
      title={t("account.operatorsWithAccess")}
      actions={mayRead ? <Link href="/operators">{t("common.operators")}</Link> : undefined}
    >
      {mayRead ? (
        <OperatorList shortname={shortname} />
      ) : (
        <RoleNote me={me} needs="owner" what={t("operators.roleNeeded")} />
      )}
    </Section>
  );
}

function OperatorList({ shortname }: { readonly shortname: string }) {
  const query = useOperators({ account: shortname });
  return (
    <DataTable
      caption={t("account.operatorsWithAccess")}
      columns={COLUMNS}
      query={query}
      keyOf={({ id }) => id}
      skeletonRows={2}
      counted={(count) => t("operators.count", { count })}
      empty={
        <Empty icon="operators" title={t("account.noOperator")}>
          {t("account.noOperatorAbout")}
        </Empty>
      }
    />
  );
}
