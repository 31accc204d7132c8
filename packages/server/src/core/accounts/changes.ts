import type { ChangeTx } from "../change/change-tx.ts";
import { checkDisplayText, checkName, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { Account } from "./model.ts";

/** The allowed maximum ages of an account's keys, in seconds, inclusive: an hour, and 7300 days. */
const KEY_AGE_MAX_SECONDS_MIN = 3600;
const KEY_AGE_MAX_SECONDS_MAX = 7300 * 86_400;

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

/** The changes to an account. `undefined` members stay unchanged. */
export interface AccountPatch {
  readonly status?: Standing | undefined;
  readonly name?: string | undefined;
  /** `null`: the service's. */
  readonly keyAgeMaxSeconds?: number | null | undefined;
}

/** Changes an account; `undefined` members stay. @throws {Refusal} `field_invalid`, `not_found` */
export async function changeAccount(tx: ChangeTx, shortname: string, patch: AccountPatch): Promise<Account> {
  if (patch.name !== undefined) checkDisplayText("name", patch.name);
  const account = await loadAccount(tx, shortname);
  const { status = account.status, name = account.name, keyAgeMaxSeconds = account.keyAgeMaxSeconds } = patch;
  const facts = { accountId: account.id, shortname };
  if (status !== account.status) {
    await tx.accounts.setStatus(account.id, status);
    await tx.append({ action: status === "active" ? "account.activated" : "account.deactivated", ...facts });
  }
  const isOtherName = name !== account.name;
  const isOtherAge = keyAgeMaxSeconds !== account.keyAgeMaxSeconds;
  if (isOtherAge) checkKeyAgeMax(keyAgeMaxSeconds);
  if (isOtherName || isOtherAge) {
    await tx.accounts.update(account.id, { name, keyAgeMaxSeconds });
    const changed = { ...(isOtherName && { name }), ...(isOtherAge && { keyAgeMaxSeconds }) };
    await tx.append({ action: "account.changed", ...facts, ...changed });
  }
  return { ...account, status, name, keyAgeMaxSeconds };
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
