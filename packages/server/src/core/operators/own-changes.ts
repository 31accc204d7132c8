/** What operators change about themselves, as functions of a transaction whose author is an operator. */
import type { ChangeTx } from "../change/change-tx.ts";
import { Refusal } from "../refusal.ts";
import type { Random } from "../surroundings.ts";
import { revokeTokensOf } from "./admin-tokens.ts";
import { ofOperator } from "./events.ts";
import type { Operator, Passkey, PasskeyId, SessionId } from "./model.ts";
import { requireLocal } from "./own-credentials.ts";
import { type AdmittedPasskey, storePasskey } from "./passkeys.ts";
import { hashRecoveryCode, makeRecoveryCodes } from "./secrets.ts";

/**
 * Sets the author's password, and ends their other sessions and their command lines.
 *
 * @param change.before the hash that the current password was checked against
 * @param change.keep the session that stays
 * @throws {Refusal} `conflict` if the password was changed meanwhile; `sign_in_required`
 */
export async function setOwnPassword(
  tx: ChangeTx,
  change: { readonly passwordHash: string; readonly before: string | null; readonly keep: SessionId },
): Promise<void> {
  const operator = await loadAuthor(tx);
  if (operator.passwordHash !== change.before) throw new Refusal("conflict", "The password was changed meanwhile.");
  await tx.operators.update(operator.id, { passwordHash: change.passwordHash });
  await tx.sessions.deleteAllOf(operator.id, change.keep);
  await revokeTokensOf(tx, operator.id);
  await tx.append({ action: "operator.password_changed", ...ofOperator(operator), hasPassword: true });
}

/** @throws {Refusal} as `storePasskey`; `sign_in_required` */
export async function addOwnPasskey(tx: ChangeTx, admitted: AdmittedPasskey): Promise<Passkey> {
  return storePasskey(tx, await loadAuthor(tx), admitted);
}

/** @throws {Refusal} `not_found`; `conflict` for the last way to sign in; `sign_in_required` */
export async function removeOwnPasskey(tx: ChangeTx, id: PasskeyId): Promise<void> {
  const operator = await loadAuthor(tx);
  const passkeys = await tx.passkeys.list(operator.id);
  const passkey = passkeys.find((candidate) => candidate.id === id);
  if (passkey === undefined) throw new Refusal("not_found", `There is no passkey ${id}.`);
  if (passkeys.length === 1 && operator.passwordHash === null) {
    throw new Refusal("conflict", "It is your last way to sign in; set a password or add another passkey first.");
  }
  await tx.passkeys.delete(operator.id, id);
  await tx.append({ action: "operator.passkey_removed", ...ofOperator(operator), passkey: id, label: passkey.label });
}

/**
 * Replaces the author's recovery codes. The new ones can't be read again.
 *
 * @throws {Refusal} `conflict` if the author uses single sign-on; `sign_in_required`
 */
export async function renewOwnRecoveryCodes(tx: ChangeTx, random: Random): Promise<readonly string[]> {
  const operator = await loadAuthor(tx);
  requireLocal(operator);
  const codes = makeRecoveryCodes(random);
  await tx.recoveryCodes.replace(operator.id, codes.map(hashRecoveryCode));
  await tx.append({ action: "operator.recovery_codes_renewed", ...ofOperator(operator) });
  return codes;
}

/** @throws {Refusal} `not_found`, `sign_in_required` */
export async function endOwnSession(tx: ChangeTx, id: SessionId): Promise<void> {
  const operator = await loadAuthor(tx);
  if (!(await tx.sessions.delete(operator.id, id))) throw new Refusal("not_found", `There is no session ${id}.`);
  await tx.append({ action: "operator.session_ended", ...ofOperator(operator), session: id });
}

/** Ends all sessions of the author but one, and their command lines. @throws {Refusal} `sign_in_required` */
export async function endOwnOtherSessions(tx: ChangeTx, keep: SessionId): Promise<void> {
  const operator = await loadAuthor(tx);
  await tx.sessions.deleteAllOf(operator.id, keep);
  await revokeTokensOf(tx, operator.id);
  await tx.append({ action: "operator.session_ended", ...ofOperator(operator), sessions: "others" });
}

/** The author as the store has them now. @throws {Refusal} `sign_in_required` if they were deactivated meanwhile */
async function loadAuthor({ author, operators }: ChangeTx): Promise<Operator> {
  if (author.operator === undefined) throw new Error("the author of an own change is an operator");
  const operator = await operators.find(author.operator.id);
  if (operator?.status !== "active") throw new Refusal("sign_in_required", "The session is over.");
  return operator;
}
