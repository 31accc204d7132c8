import { type Access, usernameIn } from "@countersign/protocol";
import { loadAccount } from "../accounts/changes.ts";
import type { Account } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { checkName, printable } from "../names.ts";
import { parseNetworks } from "../networks.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { ApiUser } from "./model.ts";

/** The changes to an API user. `undefined` members stay unchanged. */
export interface UserPatch {
  readonly status?: Standing | undefined;
  readonly mayRotate?: boolean | undefined;
  /** CIDRs in any form that {@link parseNetworks} takes; empty: from anywhere. */
  readonly networks?: readonly string[] | undefined;
}

/** @param user.account the shortname of the account that owns the user @throws {Refusal} `field_invalid`, `not_found`, `conflict` */
export async function createUser(
  tx: ChangeTx,
  {
    name,
    account: shortname,
    access,
    mayRotate = false,
    networks: networkTexts = [],
  }: { readonly name: string; readonly account: string; readonly access: Access } & Pick<
    UserPatch,
    "mayRotate" | "networks"
  >,
): Promise<ApiUser> {
  checkName("name", name);
  const networks = parseNetworks(networkTexts);
  const account = await loadAccount(tx, shortname);
  if ((await tx.users.find(usernameOf(account, name))) !== undefined) {
    throw fieldRefusal("conflict", `The API user ${usernameOf(account, name)} exists already.`, "name");
  }
  const user = await tx.users.insert({ account, name, access, createdAtMs: tx.nowMs, mayRotate, networks });
  const { id: userId, username } = user;
  await tx.append({
    action: "user.created",
    userId,
    username,
    account: shortname,
    access,
    accountId: account.id,
    ...(mayRotate && { mayRotate }),
    ...(networks.length > 0 && { networks: networks.join(",") }),
  });
  return user;
}

/** Changes an API user; `undefined` members stay. @throws {Refusal} `field_invalid`, `not_found` */
export async function changeUser(tx: ChangeTx, username: string, patch: UserPatch): Promise<ApiUser> {
  const user = await loadUser(tx, username);
  const { status = user.status, mayRotate = user.mayRotate } = patch;
  const networks = patch.networks === undefined ? user.networks : parseNetworks(patch.networks);
  const facts = { userId: user.id, username, accountId: user.accountId };
  if (status !== user.status) {
    await tx.users.setStatus(user.id, status);
    await tx.append({ action: status === "active" ? "user.activated" : "user.deactivated", ...facts });
  }
  if (mayRotate !== user.mayRotate || networks.join() !== user.networks.join()) {
    await tx.users.update(user.id, { mayRotate, networks });
    await tx.append({ action: "user.changed", ...facts, mayRotate, networks: networks.join(",") });
  }
  return { ...user, status, mayRotate, networks };
}

/** @throws {Refusal} `not_found` */
export async function loadUser({ users }: ChangeTx, username: string): Promise<ApiUser> {
  const user = await users.find(username);
  if (user === undefined) throw unknownUser(username);
  return user;
}

/** The refusal of a username that no API user has. */
export function unknownUser(username: string): Refusal {
  return new Refusal("not_found", `There is no API user ${printable(username)}.`, {
    unknownName: { kind: "user", name: username },
  });
}

/** The username of an API user with this name in this account. */
export function usernameOf(account: Pick<Account, "id">, name: string): string {
  return usernameIn(account.id, name);
}
