import { isName, NAME_CHARACTERS_MAX, usernameIn } from "@countersign/protocol";
import type { ReactNode } from "react";
import { useAccount } from "../../api/registry.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/**
 * The username that an API user will have. It contains its account's number, which a new account gets only when it is created.
 *
 * @param account the shortname of an existing account; `undefined` while none is chosen, and for a new account
 */
export function UsernamePreview({
  account,
  isAccountNew,
  name,
}: {
  readonly account: string | undefined;
  readonly isAccountNew: boolean;
  readonly name: string;
}) {
  const { data } = useAccount(isAccountNew ? undefined : account);
  return (
    <output className="faint">
      {name === "" ? null : isName(name) ? preview() : t("users.nameRule", { count: NAME_CHARACTERS_MAX })}
    </output>
  );

  function preview(): ReactNode {
    const username = <code>{usernameIn(isAccountNew ? "…" : (data?.id ?? "…"), name)}</code>;
    if (isAccountNew) return <T id="users.usernamePreviewNewAccount" values={{ username }} />;
    if (account === undefined) return <T id="users.usernamePreviewNoAccount" values={{ username }} />;
    return data === undefined ? null : <T id="users.usernamePreview" values={{ username }} />;
  }
}
