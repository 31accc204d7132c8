import { type Access, usernameIn } from "@countersign/protocol";
import { loadAccount } from "../accounts/changes.ts";
import type { Account } from "../accounts/model.ts";
import { archivedSince } from "../archived.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { checkName, checkNotes, printable } from "../names.ts";
import { parseNetworks } from "../networks.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { ApiUser, UserNotes } from "./model.ts";

/** Notes of which some aren't given; `null` removes one. */
export type NotesPatch = { readonly [Note in keyof UserNotes]?: UserNotes[Note] | undefined };

/** The changes to an API user. `undefined` members stay unchanged. */
export interface UserPatch extends NotesPatch {
  readonly status?: Standing | undefined;
  readonly access?: Access | undefined;
  /** `true` takes it out of the lists and deactivates it; `false` puts it back into the lists, deactivated. */
  readonly archived?: boolean | undefined;
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
    displayName = null,
    description = null,
    contact = null,
  }: { readonly name: string; readonly account: string; readonly access: Access } & NotesPatch &
    Pick<UserPatch, "mayRotate" | "networks">,
): Promise<ApiUser> {
  checkName("name", name);
  checkNotes({ displayName, description, contact });
  const networks = parseNetworks(networkTexts);
  const account = await loadAccount(tx, shortname);
  if ((await tx.users.find(usernameOf(account, name))) !== undefined) {
    throw fieldRefusal("conflict", `The API user ${usernameOf(account, name)} exists already.`, "name");
  }
  const notes = { displayName, description, contact };
  const user = await tx.users.insert({ account, name, access, createdAtMs: tx.nowMs, mayRotate, networks, ...notes });
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

/**
 * Changes an API user; `undefined` members stay. Its status and its access hold for its live tokens too.
 *
 * @throws {Refusal} `field_invalid`, `not_found`; `conflict` if it is archived and would be activated
 */
export async function changeUser(tx: ChangeTx, username: string, patch: UserPatch): Promise<ApiUser> {
  checkNotes(patch);
  const user = await loadUser(tx, username);
  const { access = user.access, mayRotate = user.mayRotate } = patch;
  const { displayName = user.displayName, description = user.description, contact = user.contact } = patch;
  const networks = patch.networks === undefined ? user.networks : parseNetworks(patch.networks);
  const archivedAtMs = archivedSince(user, patch, tx.nowMs, `The API user ${username}`);
  const status = archivedAtMs === null ? (patch.status ?? user.status) : "deactivated";
  const changed = { ...user, status, access, mayRotate, networks, displayName, description, contact, archivedAtMs };
  const facts = { userId: user.id, username, accountId: user.accountId };
  // What is archived is never active, not even within the transaction.
  if (status === "deactivated" && user.status === "active") {
    await tx.users.setStatus(user.id, status);
    await tx.append({ action: "user.deactivated", ...facts });
  }
  const notes = NOTES.filter(([member]) => changed[member] !== user[member]).map(([, name]) => name);
  const isLimited = mayRotate !== user.mayRotate || networks.join() !== user.networks.join();
  const isMoved = archivedAtMs !== user.archivedAtMs;
  if (notes.length > 0 || isLimited || isMoved || access !== user.access) await tx.users.update(user.id, changed);
  if (isLimited) await tx.append({ action: "user.changed", ...facts, mayRotate, networks: networks.join(",") });
  if (access !== user.access) await tx.append({ action: "user.access_changed", ...facts, access });
  if (notes.length > 0) await tx.append({ action: "user.described", ...facts, notes: notes.join(",") });
  if (isMoved) await tx.append({ action: archivedAtMs === null ? "user.restored" : "user.archived", ...facts });
  if (status === "active" && user.status === "deactivated") {
    await tx.users.setStatus(user.id, status);
    await tx.append({ action: "user.activated", ...facts });
  }
  return changed;
}

const NOTES = [
  ["displayName", "display_name"],
  ["description", "description"],
  ["contact", "contact"],
] as const;

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
