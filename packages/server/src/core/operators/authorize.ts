/**
 * Administration: what operators and programs may see and change, and how they find it. The registry's own rules are in
 * `registry/`, those of operators in `operators/`.
 */
import { ROLES, type Role } from "@countersign/protocol";
import type { Grant } from "./model.ts";
import { Refusal } from "../refusal.ts";
import type { AccountId } from "../accounts/model.ts";

/**
 * May somebody do what needs a role?
 *
 * @param everywhere it can't be limited to an account, so that whoever is limited to one may not
 * @throws {Refusal} `forbidden`; the same words whatever it was about
 */
export function requireRole(grant: Grant, role: Role, everywhere = false): void {
  const hasRole = ROLES.indexOf(grant.role) >= ROLES.indexOf(role);
  if (!hasRole || (everywhere && grant.accountId !== null)) {
    throw new Refusal("forbidden", "Your role doesn't allow this.", {
      hint: "An owner can change it; countersign operator list shows who is one.",
    });
  }
}

/** May they everything? */
export function isUnlimitedOwner({ role, accountId }: Pick<Grant, "role" | "accountId">): boolean {
  return role === "owner" && accountId === null;
}

/** Is something of this account anything that they may know of? */
export function mayKnow(grant: Grant, accountId: AccountId | null): boolean {
  return grant.accountId === null || grant.accountId === accountId;
}

/** May somebody give this role, in this account? Nobody gives more than they have. */
export function mayGrant(grant: Grant, given: { readonly role: Role; readonly accountId: AccountId | null }): boolean {
  return ROLES.indexOf(grant.role) >= ROLES.indexOf(given.role) && mayKnow(grant, given.accountId);
}
