import type { Role } from "@countersign/protocol";
import { permits, useMe } from "../../api/me.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { Choice } from "../../forms/choice.tsx";
import { t } from "../../text/t.ts";

/** Role and scope. You can't grant more than your own role. */
export function GrantFields({
  role,
  account,
  onChange,
  accountError,
}: {
  readonly role: Role;
  readonly account: string | null;
  readonly onChange: (grant: { readonly role: Role; readonly account: string | null }) => void;
  readonly accountError?: string | undefined;
}) {
  const me = useMe();
  return (
    <>
      <Choice
        legend={t("common.role")}
        name="role"
        value={role}
        onChange={(next) => onChange({ role: next, account })}
        options={(
          [
            { value: "viewer", label: t("operators.viewer"), about: t("operators.viewerAbout") },
            {
              value: "admin",
              label: t("operators.admin"),
              about: t("operators.adminAbout"),
            },
            { value: "owner", label: t("operators.owner"), about: t("operators.ownerAbout") },
          ] as const
        ).filter(({ value }) => permits(me, value))}
      />
      {me.account === null ? (
        <AccountPicker
          label={t("common.scope")}
          description={t("operators.scopeHint")}
          clearLabel={t("filter.allAccounts")}
          value={account ?? undefined}
          error={accountError}
          onChange={(next) => onChange({ role, account: next ?? null })}
        />
      ) : null}
    </>
  );
}
