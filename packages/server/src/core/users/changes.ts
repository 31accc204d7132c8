import type { Access } from "@countersign/protocol";
import { loadAccount } from "../accounts/changes.ts";
import type { Account } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { checkName, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { ApiUser } from "./model.ts";

/** @param user.account the shortname of the account that owns the user @throws {Refusal} `field_invalid`, `not_found`, `conflict` */
export async function createUser(
  tx: ChangeTx,
  { name, account: shortname, access }: { readonly name: string; readonly account: string; readonly access: Access },
): Promise<ApiUser> {
  checkName("name", name);
  const account = await loadAccount(tx, shortname);
  if ((await tx.users.find(usernameOf(account, name))) !== undefined) {
    throw fieldRefusal("conflict", `The API user ${usernameOf(account, name)} exists already.`, "name");
  }
  const user = await tx.users.insert({ account, name, access, createdAtMs: tx.nowMs });
  const { id: userId, username } = user;
  await tx.append({ action: "user.created", userId, username, account: shortname, access, accountId: account.id });
  return user;
}

/** Deactivates or activates an API user; an `undefined` status stays. @throws {Refusal} `not_found` */
export async function changeUser(
  tx: ChangeTx,
  username: string,
  { status }: { readonly status?: Standing | undefined },
): Promise<ApiUser> {
  const user = await loadUser(tx, username);
  if (status === undefined || status === user.status) return user;
  await tx.users.setStatus(user.id, status);
  const action = status === "active" ? "user.activated" : "user.deactivated";
  await tx.append({ action, userId: user.id, username, accountId: user.accountId });
  return { ...user, status };
}

/** @throws {Refusal} `not_found` */
export async function loadUser({ users }: ChangeTx, username: string): Promise<ApiUser> {
  const user = await users.find(username);
  if (user === undefined) throw new Refusal("not_found", `There is no API user ${printable(username)}.`);
  return user;
}

/** The username of an API user with this name in this account. */
export function usernameOf(account: Pick<Account, "id">, name: string): string {
  return `api-${account.id}-${name}`;
}
