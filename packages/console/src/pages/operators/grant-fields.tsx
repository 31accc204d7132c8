import type { Role } from "@countersign/protocol";
import { permits, useMe } from "../../api/me.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { Choice } from "../../forms/choice.tsx";

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
        legend="Role"
        name="role"
        value={role}
        onChange={(next) => onChange({ role: next, account })}
        options={(
          [
            { value: "viewer", label: "Viewer", about: "Can read everything and change nothing." },
            {
              value: "admin",
              label: "Admin",
              about: "Can also change accounts, API users, keys and resource servers.",
            },
            { value: "owner", label: "Owner", about: "Can also change operators, admin tokens and signing keys." },
          ] as const
        ).filter(({ value }) => permits(me, value))}
      />
      {me.account === null ? (
        <AccountPicker
          label="Scope"
          description="All accounts, or a single account; everything else is then invisible."
          clearLabel="All accounts"
          value={account ?? undefined}
          error={accountError}
          onChange={(next) => onChange({ role, account: next ?? null })}
        />
      ) : null}
    </>
  );
}
