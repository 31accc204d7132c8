import { archivedSince } from "../archived.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { checkDisplayText, checkName, checkNotes, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { Account } from "./model.ts";

/** The allowed maximum ages of an account's keys, in seconds, inclusive: an hour, and 7300 days. */
const KEY_AGE_MAX_SECONDS_MIN = 3600;
const KEY_AGE_MAX_SECONDS_MAX = 7300 * 86_400;

/** What may be said of a new account. `null` and `undefined` are no note. */
export interface NewAccount extends Pick<AccountPatch, "name" | "description" | "contact"> {
  readonly shortname: string;
}

/** @throws {Refusal} `field_invalid`, `conflict` */
export async function createAccount(
  tx: ChangeTx,
  { shortname, name = shortname, description = null, contact = null }: NewAccount,
): Promise<Account> {
  checkName("shortname", shortname);
  checkDisplayText("name", name);
  checkNotes({ description, contact });
  if ((await tx.accounts.find(shortname)) !== undefined) {
    throw fieldRefusal("conflict", `The account ${shortname} exists already.`, "shortname");
  }
  const account = await tx.accounts.insert({ shortname, name, createdAtMs: tx.nowMs, description, contact });
  await tx.append({ action: "account.created", accountId: account.id, shortname, name });
  return account;
}

/** The changes to an account. `undefined` members stay unchanged. */
export interface AccountPatch {
  readonly status?: Standing | undefined;
  readonly name?: string | undefined;
  /** `null`: the service's. */
  readonly keyAgeMaxSeconds?: number | null | undefined;
  /** `null` removes it. */
  readonly description?: string | null | undefined;
  /** `null` removes it. */
  readonly contact?: string | null | undefined;
  /** `true` takes it out of the lists and deactivates it; `false` puts it back into the lists, deactivated. */
  readonly archived?: boolean | undefined;
}

/**
 * Changes an account; `undefined` members stay.
 *
 * @throws {Refusal} `field_invalid`, `not_found`; `conflict` if it is archived and would be activated
 */
export async function changeAccount(tx: ChangeTx, shortname: string, patch: AccountPatch): Promise<Account> {
  if (patch.name !== undefined) checkDisplayText("name", patch.name);
  checkNotes(patch);
  const account = await loadAccount(tx, shortname);
  const { name = account.name, keyAgeMaxSeconds = account.keyAgeMaxSeconds } = patch;
  const { description = account.description, contact = account.contact } = patch;
  const archivedAtMs = archivedSince(account, patch, tx.nowMs, `The account ${shortname}`);
  const status = archivedAtMs === null ? (patch.status ?? account.status) : "deactivated";
  const changed = { ...account, status, name, keyAgeMaxSeconds, description, contact, archivedAtMs };
  const facts = { accountId: account.id, shortname };
  // What is archived is never active, not even within the transaction.
  if (status === "deactivated" && account.status === "active") {
    await tx.accounts.setStatus(account.id, status);
    await tx.append({ action: "account.deactivated", ...facts });
  }
  const isOtherName = name !== account.name;
  const isOtherAge = keyAgeMaxSeconds !== account.keyAgeMaxSeconds;
  if (isOtherAge) checkKeyAgeMax(keyAgeMaxSeconds);
  const notes = (["description", "contact"] as const).filter((member) => changed[member] !== account[member]);
  const isMoved = archivedAtMs !== account.archivedAtMs;
  if (isOtherName || isOtherAge || notes.length > 0 || isMoved) await tx.accounts.update(account.id, changed);
  if (isOtherName || isOtherAge) {
    const values = { ...(isOtherName && { name }), ...(isOtherAge && { keyAgeMaxSeconds }) };
    await tx.append({ action: "account.changed", ...facts, ...values });
  }
  if (notes.length > 0) await tx.append({ action: "account.described", ...facts, notes: notes.join(",") });
  if (isMoved) await tx.append({ action: archivedAtMs === null ? "account.restored" : "account.archived", ...facts });
  if (status === "active" && account.status === "deactivated") {
    await tx.accounts.setStatus(account.id, status);
    await tx.append({ action: "account.activated", ...facts });
  }
  return changed;
}

function checkKeyAgeMax(seconds: number | null): void {
  if (seconds === null) return;
  if (Number.isSafeInteger(seconds) && seconds >= KEY_AGE_MAX_SECONDS_MIN && seconds <= KEY_AGE_MAX_SECONDS_MAX) return;
  throw fieldRefusal(
    "field_invalid",
    "The maximum age of an account's keys must be from an hour to 7300 days, in whole seconds.",
    "key_age_max_seconds",
  );
}

/** @throws {Refusal} `not_found` */
export async function loadAccount({ accounts }: ChangeTx, shortname: string): Promise<Account> {
  const account = await accounts.find(shortname);
  if (account !== undefined) return account;
  throw unknownAccount(shortname);
}

/** The refusal of a shortname that no account has. */
export function unknownAccount(shortname: string): Refusal {
  const message = `There is no account ${printable(shortname)}. countersign account create makes one.`;
  return new Refusal("not_found", message, { unknownName: { kind: "account", name: shortname } });
}
