import { changeAccount, readAccount } from "../../api/registry.ts";
import type { Archivable, Switchable } from "../../forms/standing-change.tsx";

/** An account, to be deactivated or activated, archived or restored. */
export function switchableAccount(shortname: string): Switchable & Archivable {
  return {
    kind: "account",
    name: <bdi>{shortname}</bdi>,
    read: () => readAccount(shortname),
    change: (patch, etag) => changeAccount(shortname, patch, etag),
    archive: (archived, etag) => changeAccount(shortname, { archived }, etag),
  };
}
