import { loadAccount } from "../accounts/changes.ts";
import type { Account } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { isoTime } from "../json/registry.ts";
import { exceedsKeyAge, keyAgeMaxMs } from "../keys/key-age.ts";
import type { PublicKey } from "../keys/model.ts";
import { usernameOf } from "../users/changes.ts";
import type { ApiUser } from "../users/model.ts";
import type { DeclaredAccount, DeclaredUser } from "./model.ts";
import { addProblem, type Planning } from "./planning.ts";

/** An API user of the document, with its account; `existing` and `presentAccount` if they are in the registry. */
export interface KeyOwner {
  readonly account: DeclaredAccount;
  readonly presentAccount: Account | undefined;
  readonly user: DeclaredUser;
  readonly existing: ApiUser | undefined;
}

/** The username of an API user, in a transaction: the id in it isn't known before the account exists. */
export async function usernameIn(tx: ChangeTx, shortname: string, name: string): Promise<string> {
  return usernameOf(await loadAccount(tx, shortname), name);
}

/** The latest expiry that the maximum age of the account's keys allows; `null` if there is none. */
export function keyAgeMaxOf({ policy }: Planning, { account, presentAccount }: KeyOwner): number | null {
  const { keyAgeMaxSeconds = presentAccount?.keyAgeMaxSeconds ?? null } = account;
  return keyAgeMaxMs(policy.keyAgeMaxMs, { keyAgeMaxSeconds });
}

/** The name of a step about a key. */
export function keyName({ account, user }: KeyOwner, { fingerprint }: Pick<PublicKey, "fingerprint">): string {
  return `${account.shortname}/${user.name} ${fingerprint}`;
}

/** Checks a declared expiry against the maximum age of the account's keys. */
export function checkAge(
  planning: Planning,
  owner: KeyOwner,
  at: string,
  life: Pick<PublicKey, "createdAtMs" | "expiresAtMs">,
): void {
  const maxMs = keyAgeMaxOf(planning, owner);
  if (maxMs === null || !exceedsKeyAge(life, maxMs)) return;
  const latest = isoTime(life.createdAtMs + maxMs);
  addProblem(
    planning,
    at,
    `The key's expiry is beyond the maximum age of the account's keys: it can't be later than ${latest}. Leave expires_at out for the latest that is allowed.`,
  );
}
