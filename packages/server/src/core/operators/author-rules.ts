import type { Role } from "@countersign/protocol";
import type { AccountId } from "../accounts/model.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import { canSee, mayGrant, requireRole } from "./authorize.ts";
import type { Operator, OperatorId } from "./model.ts";

/** A grant as a request asks for it: the account by its shortname, `null` for all accounts. */
export interface WantedGrant {
  readonly role: Role;
  readonly account: string | null;
}

/**
 * Checks the author again, in the transaction. The request may have waited for earlier writes, and one of them may have deactivated
 * the author, whose change would then stay in effect.
 *
 * @throws {Refusal} `sign_in_required`
 */
export async function requireStillAuthor({ author, adminTokens, operators }: ChangeTx): Promise<void> {
  const { token, operator } = author;
  const isRevoked = token !== undefined && (await adminTokens.find(token.id))?.revokedAtMs !== null;
  const operatorId = operator?.id ?? token?.operatorId ?? null;
  const current = operatorId === null ? undefined : await operators.find(operatorId);
  const isOff = operatorId !== null && (current?.status !== "active" || !mayGrant(current, author));
  if (isRevoked || isOff) throw new Refusal("sign_in_required", "The session is over, or the admin token was revoked.");
}

/**
 * Loads an operator whom the author may change.
 *
 * @throws {Refusal} `not_found`, also if the author can't see the operator; `forbidden` if the operator has a higher role
 */
export async function loadOperator({ author, operators }: ChangeTx, id: OperatorId): Promise<Operator> {
  const operator = await operators.find(id);
  if (operator === undefined || !canSee(author, operator.accountId)) {
    throw new Refusal("not_found", `There is no operator ${id}.`);
  }
  if (!mayGrant(author, operator)) requireRole(author, operator.role);
  return operator;
}

/**
 * The grant that the author asks for.
 *
 * @throws {Refusal} `forbidden` if it is more than the author's own; `field_invalid` for an account that the author can't see
 */
export async function resolveGrant(
  { author, accounts }: ChangeTx,
  { role, account: shortname }: WantedGrant,
): Promise<{ readonly role: Role; readonly accountId: AccountId | null }> {
  const account = shortname === null ? undefined : await accounts.find(shortname);
  if (shortname !== null && (account === undefined || !canSee(author, account.id))) {
    throw fieldRefusal("field_invalid", "There is no account of that name.", "account");
  }
  const grant = { role, accountId: account?.id ?? null };
  if (!mayGrant(author, grant)) {
    throw new Refusal("forbidden", "You can't grant more than your own role.", {
      hint: "If you are limited to an account, you can grant roles only in that account.",
    });
  }
  return grant;
}
