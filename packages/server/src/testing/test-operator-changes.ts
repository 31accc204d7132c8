import { type Author, type ChangeTx, unrestrictedAuthor } from "../core/change/change-tx.ts";
import type { Commit } from "../core/change/commit.ts";
import { createAdminToken, revokeAdminToken } from "../core/operators/admin-tokens.ts";
import { changeOperator, endOperatorSession, type OperatorPatch } from "../core/operators/changes.ts";
import { inviteOperator, makeSetupLink, resetOperator, withdrawInvitation } from "../core/operators/invitations.ts";
import type { AdminTokenId, InvitationId, OperatorId, PasskeyId, SessionId } from "../core/operators/model.ts";
import {
  addOwnPasskey,
  endOwnOtherSessions,
  endOwnSession,
  removeOwnPasskey,
  renewOwnRecoveryCodes,
  setOwnPassword,
} from "../core/operators/own-changes.ts";
import type { OwnCredentials, SignedInOperator } from "../core/operators/own-credentials.ts";
import type { PasskeyPlace } from "../core/operators/passkeys.ts";
import { operatorActor } from "../core/operators/sessions.ts";
import type { Random } from "../core/surroundings.ts";

/** Changes of operators, invitations and admin tokens, committed one by one. */
export type OperatorChanges = ReturnType<typeof operatorChangesOf>;
/** What an operator changes about themselves, committed one by one. */
export type OwnChanges = ReturnType<typeof ownChangesOf>;

export function operatorChangesOf(commit: Commit, random: Random) {
  const by = async <Result>(author: Author, work: (tx: ChangeTx) => Promise<Result>) =>
    (await commit(work, { author })).result;
  return {
    makeSetupLink: (actor: string) => by(unrestrictedAuthor(actor), (tx) => makeSetupLink(tx, random)),
    invite: (author: Author, wanted: Parameters<typeof inviteOperator>[1]) =>
      by(author, (tx) => inviteOperator(tx, wanted, random)),
    reset: (author: Author, id: OperatorId) => by(author, (tx) => resetOperator(tx, id, random)),
    withdrawInvitation: (author: Author, id: InvitationId) => by(author, (tx) => withdrawInvitation(tx, id)),
    change: (author: Author, id: OperatorId, patch: OperatorPatch) => by(author, (tx) => changeOperator(tx, id, patch)),
    endSession: (author: Author, operatorId: OperatorId, id: SessionId) =>
      by(author, (tx) => endOperatorSession(tx, operatorId, id)),
    createAdminToken: (author: Author, wanted: Parameters<typeof createAdminToken>[1]) =>
      by(author, (tx) => createAdminToken(tx, wanted, random)),
    revokeAdminToken: (author: Author, which: AdminTokenId | { readonly name: string }) =>
      by(author, (tx) => revokeAdminToken(tx, which)),
  };
}

export function ownChangesOf(commit: Commit, random: Random, credentials: OwnCredentials) {
  const by = async <Result>({ operator }: SignedInOperator, work: (tx: ChangeTx) => Promise<Result>) => {
    const { role, account, accountId } = operator;
    const author = { actor: operatorActor(operator), role, account, accountId, operator };
    return (await commit(work, { author })).result;
  };
  return {
    async changePassword(caller: SignedInOperator, change: Parameters<OwnCredentials["hashNewPassword"]>[1]) {
      const passwordHash = await credentials.hashNewPassword(caller, change);
      const before = caller.operator.passwordHash;
      return by(caller, (tx) => setOwnPassword(tx, { passwordHash, before, keep: caller.session.id }));
    },
    passkeyOptions: ({ operator }: SignedInOperator, relyingParty: string) =>
      credentials.passkeyOptions(operator, relyingParty),
    async addPasskey(
      caller: SignedInOperator,
      passkey: Parameters<OwnCredentials["admitPasskey"]>[1],
      place: PasskeyPlace,
    ) {
      const admitted = await credentials.admitPasskey(caller.operator, passkey, place);
      return by(caller, (tx) => addOwnPasskey(tx, admitted));
    },
    removePasskey: (caller: SignedInOperator, id: PasskeyId) => by(caller, (tx) => removeOwnPasskey(tx, id)),
    renewRecoveryCodes: (caller: SignedInOperator) => by(caller, (tx) => renewOwnRecoveryCodes(tx, random)),
    endSession: (caller: SignedInOperator, id: SessionId) => by(caller, (tx) => endOwnSession(tx, id)),
    endOtherSessions: (caller: SignedInOperator) => by(caller, (tx) => endOwnOtherSessions(tx, caller.session.id)),
  };
}
