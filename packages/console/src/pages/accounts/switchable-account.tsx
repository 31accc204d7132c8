import { changeAccount, readAccount } from "../../api/registry.ts";
import type { Switchable } from "../../forms/standing-change.tsx";

/** An account, to be deactivated or activated. */
export function switchableAccount(shortname: string): Switchable {
  return {
    kind: "account",
    name: <bdi>{shortname}</bdi>,
    read: () => readAccount(shortname),
    change: (patch, etag) => changeAccount(shortname, patch, etag),
  };
}
