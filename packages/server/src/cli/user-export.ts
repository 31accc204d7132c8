import { once } from "node:events";
import type { Flags } from "../config/config.ts";
import type { ImportColumn } from "../core/bulk/import-row.ts";
import { isoTime } from "../core/json/registry.ts";
import type { PublicKey } from "../core/keys/model.ts";
import { OperatorError } from "../core/operator-error.ts";
import type { Store } from "../core/store/store.ts";
import type { ApiUser } from "../core/users/model.ts";
import type { CliContext } from "./context.ts";
import { csvLine } from "./rows/csv-text.ts";
import type { RowFormat } from "./rows/read-rows.ts";
import { withAdministration } from "./store-flags.ts";

/** The options of `user export`. */
export interface ExportOptions extends Flags {
  readonly format: RowFormat;
  readonly account?: string;
}

/** How many users are read at once. */
const PAGE_USERS = 500;

const COLUMNS = [
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

type ExportRow = Readonly<Record<(typeof COLUMNS)[number], string | boolean | readonly string[] | null>>;

/** Writes API users and their keys to standard output, as an import takes them. */
export async function exportUsers(context: CliContext, options: ExportOptions): Promise<void> {
  await withAdministration(context, options, async ({ store }) => {
    if (options.format === "csv") await write(context, csvLine(COLUMNS));
    for await (const rows of exportRows(store, options.account)) {
      await write(context, rows.map((row) => formatRow(row, options.format)).join(""));
    }
  });
}

async function write({ stdout }: CliContext, text: string): Promise<void> {
  if (text !== "" && !stdout.write(text)) await once(stdout, "drain");
}

/** The rows of one page of users after the other, by account and name. Each key is a row, without revoked ones. */
async function* exportRows(
  { accounts, users, keys }: Pick<Store, "accounts" | "users" | "keys">,
  shortname: string | undefined,
): AsyncGenerator<readonly ExportRow[]> {
  const exported = (await accounts.list()).filter((each) => shortname === undefined || each.shortname === shortname);
  if (shortname !== undefined && exported.length === 0) throw new OperatorError("There is no account of that name.");
  for (const { id } of exported) {
    for (let after = ""; ; ) {
      const page = await users.listAfter(id, after, PAGE_USERS);
      const last = page.at(-1);
      if (last === undefined) break;
      const keysOfUser = Map.groupBy(
        (await keys.listOf(page.map((user) => user.id))).filter(({ status }) => status !== "revoked"),
        ({ userId }) => userId,
      );
      yield page.flatMap((user) => (keysOfUser.get(user.id) ?? [undefined]).map((key) => exportRow(user, key)));
      after = nameOf(last);
    }
  }
}

function nameOf({ username, accountId }: ApiUser): string {
  return username.slice(`api-${accountId}-`.length);
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
    COLUMNS.map((name) => {
      const value = row[name];
      return Array.isArray(value) ? value.join(" ") : value === null ? "" : String(value);
    }),
  );
}
