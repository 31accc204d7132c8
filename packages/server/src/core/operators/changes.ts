import type { ChangeTx } from "../change/change-tx.ts";
import { Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import { revokeTokensOf } from "./admin-tokens.ts";
import { loadOperator, requireStillAuthor, resolveGrant, type WantedGrant } from "./author-rules.ts";
import { isUnlimitedOwner, mayGrant } from "./authorize.ts";
import { ofOperator } from "./events.ts";
import { withdrawInvitationsFor } from "./invitations.ts";
import type { Operator, OperatorId, SessionId } from "./model.ts";

/** Members that are `undefined` stay unchanged. */
export interface OperatorPatch {
  readonly role?: WantedGrant["role"] | undefined;
  readonly account?: WantedGrant["account"] | undefined;
  readonly status?: Standing | undefined;
}

/**
 * Changes an operator's grant or status. Ends the operator's sessions and command lines when their permissions shrink, and withdraws links that were
 * made for the previous grant. An unrestricted, active owner always remains.
 *
 * @throws {Refusal} `not_found`, `field_invalid`; `forbidden` if the author's own grant doesn't allow it; `conflict` for the last
 *   owner, or for the role of an operator who uses single sign-on; `sign_in_required`
 */
export async function changeOperator(
  tx: ChangeTx,
  id: OperatorId,
  { role, account, status }: OperatorPatch,
): Promise<Operator> {
  await requireStillAuthor(tx);
  const before = await loadOperator(tx, id);
  const grant =
    role === undefined && account === undefined
      ? before
      : await resolveGrant(tx, {
          role: role ?? before.role,
          account: account === undefined ? before.account : account,
        });
  const isOtherGrant = grant.role !== before.role || grant.accountId !== before.accountId;
  const isOtherStatus = status !== undefined && status !== before.status;
  if (tx.author.token !== undefined && (isOtherGrant || (isOtherStatus && status === "active"))) {
    throw new Refusal(
      "forbidden",
      "An admin token can only deactivate operators: what it makes or grants must not outlive it.",
    );
  }
  if (isOtherGrant && before.federated !== null) {
    throw new Refusal(
      "conflict",
      `${before.email} uses single sign-on: the groups at the identity provider decide on the role.`,
    );
  }
  await tx.operators.update(id, {
    ...(isOtherGrant && { role: grant.role, accountId: grant.accountId }),
    ...(isOtherStatus && { status }),
  });
  await requireOwner(tx, before);
  const after = await loadOperator(tx, id);
  const isLess = !mayGrant(after, before) || after.status !== "active";
  if (isLess) {
    await tx.sessions.deleteAllOf(id);
    await revokeTokensOf(tx, id);
  }
  if (isOtherGrant || (isOtherStatus && status === "deactivated")) {
    // A reset link would let a deactivated operator in again. Its maker, whose own role may be lower, would get the new grant.
    await withdrawInvitationsFor(tx, before.email);
  }
  if (isOtherGrant) {
    await tx.append({
      action: "operator.changed",
      ...ofOperator(after),
      role: after.role,
      account: after.account,
      previousRole: before.role,
      previousAccount: before.account,
    });
  }
  if (isOtherStatus) {
    const action = status === "active" ? "operator.activated" : "operator.deactivated";
    await tx.append({ action, ...ofOperator(after) });
  }
  return after;
}

/** Ends one session of an operator. @throws {Refusal} `not_found`, `forbidden` */
export async function endOperatorSession(tx: ChangeTx, operatorId: OperatorId, id: SessionId): Promise<void> {
  const operator = await loadOperator(tx, operatorId);
  if (!(await tx.sessions.delete(operatorId, id))) throw new Refusal("not_found", `There is no session ${id}.`);
  await tx.append({ action: "operator.session_ended", ...ofOperator(operator), session: id });
}

/** After a change: does an unrestricted, active owner remain? @throws {Refusal} `conflict` */
async function requireOwner({ operators }: ChangeTx, before: Operator): Promise<void> {
  if (isUnlimitedOwner(before) && before.status === "active" && (await operators.countOwners()) === 0) {
    throw new Refusal("conflict", `${before.email} is the last owner; make another operator an owner first.`);
  }
}
