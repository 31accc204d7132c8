/** What a grant (a role, everywhere or in one account) allows. */
import { ROLES, type Role } from "@countersign/protocol";
import type { Grant } from "./model.ts";
import { Refusal } from "../refusal.ts";
import type { AccountId } from "../accounts/model.ts";

/**
 * Requires at least a role.
 *
 * @param everywhere requires a grant that isn't limited to an account
 * @throws {Refusal} `forbidden`, with the same message in every case
 */
export function requireRole(grant: Grant, role: Role, everywhere = false): void {
  const hasRole = ROLES.indexOf(grant.role) >= ROLES.indexOf(role);
  if (!hasRole || (everywhere && grant.accountId !== null)) {
    throw new Refusal("forbidden", "Your role doesn't allow this.", {
      hint: "An owner can change it; countersign operator list shows who is one.",
    });
  }
}

/** Is this an unrestricted owner? */
export function isUnlimitedOwner({ role, accountId }: Pick<Grant, "role" | "accountId">): boolean {
  return role === "owner" && accountId === null;
}

/** Can the caller see what belongs to this account? `null` stands for what belongs to no account, which a grant for one account hides. */
export function canSee(grant: Pick<Grant, "accountId">, accountId: AccountId | null): boolean {
  return grant.accountId === null || grant.accountId === accountId;
}

/** Does a grant allow granting this role, in this account? You can't grant more than your own role. */
export function mayGrant(grant: Grant, given: { readonly role: Role; readonly accountId: AccountId | null }): boolean {
  return ROLES.indexOf(grant.role) >= ROLES.indexOf(given.role) && canSee(grant, given.accountId);
}

/** What two grants both allow; `undefined` if that is nothing, because they are limited to different accounts. */
export function lesserGrant(a: Grant, b: Grant): Grant | undefined {
  if (a.accountId !== null && b.accountId !== null && a.accountId !== b.accountId) return undefined;
  const role = ROLES.indexOf(a.role) < ROLES.indexOf(b.role) ? a.role : b.role;
  const { accountId, account } = a.accountId === null ? b : a;
  return { role, accountId, account };
}

/** Narrows a list to what the caller can see. */
export function accountFilter({ accountId }: Pick<Grant, "accountId">): { readonly accountId?: AccountId } {
  return accountId === null ? {} : { accountId };
}
