import type { ImportColumn, RowFormat } from "./import-row.ts";
import { csvLine } from "./csv-text.ts";
import { nameOf, PAGE_USERS } from "../declared-state/export-registry.ts";
import { isoTime } from "../json/registry.ts";
import type { PublicKey } from "../keys/model.ts";
import type { Store } from "../store/store.ts";
import type { ApiUser } from "../users/model.ts";

/** The columns of an export, in their order. */
export const EXPORT_COLUMNS = [
  "account",
  "name",
  "username",
  "access",
  "status",
  "may_rotate",
  "networks",
  "public_key",
  "fingerprint",
  "label",
  "expires_at",
  "key_status",
  "key_networks",
  "display_name",
  "description",
  "contact",
] as const satisfies readonly (ImportColumn | "username" | "fingerprint")[];

type ExportRow = Readonly<Record<(typeof EXPORT_COLUMNS)[number], string | boolean | readonly string[] | null>>;

export interface UserExportDependencies {
  readonly store: Pick<Store, "accounts" | "users" | "keys">;
  /** Awaited between two pages of users, so that a server can answer requests. */
  readonly yieldToEventLoop?: () => Promise<void>;
}

/**
 * API users and their keys as a text that an import takes, in pieces of a page of users. They are ordered by account and name, and read
 * while the text is, so that they needn't fit into memory. Each key is a row, without revoked ones; a user without one is a row, too.
 * Archived users are left out, and archived accounts unless one is named. It isn't one snapshot: a change that is made meanwhile may be in it or not.
 *
 * @param scope.account the shortname of the account that is exported alone; nothing if there is no such account
 */
export async function* exportUsers(
  { store: { accounts, users, keys }, yieldToEventLoop = () => Promise.resolve() }: UserExportDependencies,
  { account: shortname, format }: { readonly account?: string | undefined; readonly format: RowFormat },
): AsyncGenerator<string> {
  if (format === "csv") yield csvLine(EXPORT_COLUMNS);
  const exported = (await accounts.list()).filter((each) =>
    shortname === undefined ? each.archivedAtMs === null : each.shortname === shortname,
  );
  for (const { id } of exported) {
    for (let after = ""; ; ) {
      const page = await users.listAfter(id, after, PAGE_USERS);
      const last = page.at(-1);
      if (last === undefined) break;
      const keysOfUser = Map.groupBy(
        (await keys.listOf(page.map((user) => user.id))).filter(({ status }) => status !== "revoked"),
        ({ userId }) => userId,
      );
      const rows = page.flatMap((user) => (keysOfUser.get(user.id) ?? [undefined]).map((key) => exportRow(user, key)));
      yield rows.map((row) => formatRow(row, format)).join("");
      after = nameOf(last);
      await yieldToEventLoop();
    }
  }
}

function exportRow(user: ApiUser, key: PublicKey | undefined): ExportRow {
  const { account, username, access, status, mayRotate, networks, displayName, description, contact } = user;
  return {
    account,
    name: nameOf(user),
    username,
    access,
    status,
    may_rotate: mayRotate,
    networks,
    // SubjectPublicKeyInfo in base64, on one line: a spreadsheet would take the dashes of a PEM text for a formula.
    public_key: key === undefined ? null : Buffer.from(key.spki).toString("base64"),
    fingerprint: key?.fingerprint ?? null,
    label: key?.label ?? null,
    expires_at: isoTime(key?.expiresAtMs ?? null),
    key_status: key?.status ?? null,
    key_networks: key?.networks ?? null,
    display_name: displayName,
    description,
    contact,
  };
}

function formatRow(row: ExportRow, format: RowFormat): string {
  if (format === "jsonl") return `${JSON.stringify(row)}\n`;
  return csvLine(
    EXPORT_COLUMNS.map((name) => {
      const value = row[name];
      return Array.isArray(value) ? value.join(" ") : value === null ? "" : String(value);
    }),
  );
}
