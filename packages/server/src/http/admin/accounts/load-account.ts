import type { Account } from "../../../core/accounts/model.ts";
import { canSee } from "../../../core/operators/authorize.ts";
import type { Principal } from "../../../core/operators/model.ts";
import type { ListedAccount } from "../../../core/accounts/store.ts";
import type { Store } from "../../../core/store/store.ts";
import { fieldRefusal } from "../../../core/refusal.ts";
import { notFound } from "../http/refusals.ts";

/** Loads the account in the path. @throws {Refusal} `not_found`, also if the caller can't see the account */
export async function loadAccount(
  store: Pick<Store, "accounts">,
  principal: Pick<Principal, "accountId">,
  shortname: string,
): Promise<ListedAccount> {
  const account = await store.accounts.findListed(shortname);
  if (account === undefined || !canSee(principal, account.id)) throw notFound();
  return account;
}

/** Loads the account in the body's field `account`. @throws {Refusal} `field_invalid`, also if the caller can't see the account */
export async function loadAccountOfField(
  store: Pick<Store, "accounts">,
  principal: Pick<Principal, "accountId">,
  shortname: string,
): Promise<Account> {
  const account = await store.accounts.find(shortname);
  if (account !== undefined && canSee(principal, account.id)) return account;
  throw fieldRefusal("field_invalid", "There is no account of that name.", "account");
}
