import type { ChangeTx } from "../change/change-tx.ts";
import { checkDisplayText, checkName, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { Account } from "./model.ts";

/** @throws {Refusal} `field_invalid`, `conflict` */
export async function createAccount(
  tx: ChangeTx,
  { shortname, name = shortname }: { readonly shortname: string; readonly name?: string | undefined },
): Promise<Account> {
  checkName("shortname", shortname);
  checkDisplayText("name", name);
  if ((await tx.accounts.find(shortname)) !== undefined) {
    throw fieldRefusal("conflict", `The account ${shortname} exists already.`, "shortname");
  }
  const account = await tx.accounts.insert({ shortname, name, createdAtMs: tx.nowMs });
  await tx.append({ action: "account.created", accountId: account.id, shortname, name });
  return account;
}

/** Deactivates or activates an account; an `undefined` status stays. @throws {Refusal} `not_found` */
export async function changeAccount(
  tx: ChangeTx,
  shortname: string,
  { status }: { readonly status?: Standing | undefined },
): Promise<Account> {
  const account = await loadAccount(tx, shortname);
  if (status === undefined || status === account.status) return account;
  await tx.accounts.setStatus(account.id, status);
  const action = status === "active" ? "account.activated" : "account.deactivated";
  await tx.append({ action, accountId: account.id, shortname });
  return { ...account, status };
}

/** @throws {Refusal} `not_found` */
export async function loadAccount({ accounts }: ChangeTx, shortname: string): Promise<Account> {
  const account = await accounts.find(shortname);
  if (account !== undefined) return account;
  throw new Refusal("not_found", `There is no account ${printable(shortname)}. countersign account create makes one.`);
}
