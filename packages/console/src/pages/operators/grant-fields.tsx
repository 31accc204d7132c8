import type { Role } from "@countersign/protocol";
import { permits, useMe } from "../../api/me.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { Choice } from "../../ui/dialog.tsx";

/** What somebody may do, and where. Nobody gives more than they have. */
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
        legend="Role"
        name="role"
        value={role}
        onChange={(next) => onChange({ role: next, account })}
        options={(
          [
            { value: "viewer", label: "Viewer", about: "Sees everything, changes nothing." },
            { value: "admin", label: "Admin", about: "Also changes accounts, API users, keys and resource servers." },
            { value: "owner", label: "Owner", about: "Also operators, admin tokens and signing keys." },
          ] as const
        ).filter(({ value }) => permits(me, value))}
      />
      {me.account === null ? (
        <AccountPicker
          label="Where"
          description="Everywhere, or in one account alone, of which nothing else is seen then."
          clearLabel="Everywhere"
          value={account ?? undefined}
          error={accountError}
          onChange={(next) => onChange({ role, account: next ?? null })}
        />
      ) : null}
    </>
  );
}
