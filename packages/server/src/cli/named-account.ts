import { printable } from "../core/names.ts";
import { Refusal } from "../core/refusal.ts";
import type { AccountJson, Operate } from "./operations.ts";
import { named } from "./target.ts";

/** Loads the account to which a command is limited. @throws {Refusal} `not_found`, by which another name is suggested */
export async function loadNamedAccount(operate: Operate, shortname: string): Promise<AccountJson> {
  return (await named(operate("getAccount", { params: { shortname } }), noSuchAccount(shortname))).data;
}

export function noSuchAccount(shortname: string): Refusal {
  const message = `There is no account ${printable(shortname)}.`;
  return new Refusal("not_found", message, { unknownName: { kind: "account", name: shortname } });
}
