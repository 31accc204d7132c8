import { fieldRefusal, Refusal } from "../refusal.ts";
import type { UnchainedEvent } from "../feed/audit-chain.ts";
import type { StoreTransaction } from "../store/store.ts";
import { operatorEvent } from "./events.ts";
import type { Operator, Passkey, PasskeyId, Session, SessionId } from "./model.ts";
import { admitPasskey, type PasskeyPlace, storePasskey } from "./passkeys.ts";
import { checkNewPassword, normalisePassword } from "./password-rules.ts";
import { hashRecoveryCode, makeRecoveryCodes } from "./secrets.ts";
import { isFresh, operatorActor, requireFresh } from "./sessions.ts";
import { attemptSignIn, type SignInDependencies } from "./sign-in.ts";

/** Whoever is signed in. */
export interface Oneself {
  readonly operator: Operator;
  readonly session: Session;
}

/**
 * What operators change about themselves. Whoever comes by single sign-on has neither password nor passkeys nor recovery codes
 * here: they would outlive what the identity provider says.
 *
 * All reject with {@link Refusal} (`not_found`, `conflict`, `field_invalid`), or {@link Refusal} `sign_in_required` where they have
 * been switched off meanwhile; then nothing was changed.
 */
export interface OwnChanges {
  /**
   * Ends all other sessions.
   *
   * @param change.currentPassword needed where there is one; where there is none, the sign-in has to be fresh
   * @throws {Refusal} `sign_in_rejected` where that is wrong; `rate_limited`; `fresh_sign_in_required`
   */
  changePassword(
    oneself: Oneself,
    change: { readonly currentPassword?: string | undefined; readonly newPassword: string },
  ): Promise<void>;
  /** What `navigator.credentials.create` takes. */
  passkeyOptions(oneself: Oneself, relyingParty: string): Promise<Readonly<Record<string, unknown>>>;
  addPasskey(
    oneself: Oneself,
    passkey: { readonly response: unknown; readonly label?: string | undefined },
    place: PasskeyPlace,
  ): Promise<Passkey>;
  /** Never the last way to sign in. */
  removePasskey(oneself: Oneself, id: PasskeyId): Promise<void>;
  /** The codes can't be read again; those before are void. */
  renewRecoveryCodes(oneself: Oneself): Promise<readonly string[]>;
  endSession(oneself: Oneself, id: SessionId): Promise<void>;
  endOtherSessions(oneself: Oneself): Promise<void>;
}

export function createOwnChanges(dependencies: SignInDependencies): OwnChanges {
  const { store, clock, random, hasher, challenges, ceremonies } = dependencies;

  /** Runs a change of an operator who is still active, as it is now. */
  function change<Result>(
    { operator: { id } }: Oneself,
    work: (
      transaction: StoreTransaction,
      operator: Operator,
      append: (action: Parameters<typeof operatorEvent>[2], details?: UnchainedEvent["details"]) => Promise<unknown>,
    ) => Promise<Result>,
  ): Promise<Result> {
    return store.transaction(async (transaction) => {
      const operator = await transaction.operators.find(id);
      if (operator?.status !== "active") throw new Refusal("sign_in_required", "The session is over.");
      return work(transaction, operator, (action, details) =>
        transaction.events.append(operatorEvent(clock.wallMs(), operatorActor(operator), action, operator, details)),
      );
    });
  }

  async function checkCurrentPassword({ operator, session }: Oneself, given: string | undefined): Promise<void> {
    const { email, passwordHash } = operator;
    if (passwordHash === null) {
      // Nothing else shows that it isn't a thief of the session who sets one.
      requireFresh(isFresh(session, clock.wallMs()));
      return;
    }
    if (given === undefined) throw fieldRefusal("field_invalid", "The current password is needed.", "current_password");
    await attemptSignIn(dependencies, email, "password", session, async () => {
      const normalised = normalisePassword(given);
      const isRight = await hasher.matches(normalised ?? "", normalised === undefined ? null : passwordHash);
      if (isRight) return;
      const message = "The current password is wrong.";
      throw new Refusal("sign_in_rejected", message, { fields: [{ field: "/current_password", message }] });
    });
  }

  return {
    async changePassword(oneself, { currentPassword, newPassword }) {
      const { operator: before, session } = oneself;
      requireLocal(before);
      await checkCurrentPassword(oneself, currentPassword);
      const passwordHash = await hasher.hash(await checkNewPassword("new_password", newPassword, before.email));
      await change(oneself, async (transaction, operator, append) => {
        if (operator.passwordHash !== before.passwordHash) {
          throw new Refusal("conflict", "The password was changed meanwhile.");
        }
        await transaction.operators.update(operator.id, { passwordHash });
        await transaction.sessions.deleteAllOf(operator.id, session.id);
        await append("operator.password_changed", { has_password: true });
      });
    },

    async passkeyOptions({ operator }, relyingParty) {
      requireLocal(operator);
      return ceremonies.creationOptions({
        challenge: challenges.make({ kind: "passkey", operatorId: operator.id }),
        email: operator.email,
        userHandle: challenges.userHandle(operator.email),
        relyingParty,
        existing: await store.passkeys.list(operator.id),
      });
    },

    async addPasskey(oneself, passkey, place) {
      const { operator } = oneself;
      requireLocal(operator);
      const purpose = { kind: "passkey", operatorId: operator.id } as const;
      const admitted = await admitPasskey(dependencies, passkey, purpose, place);
      return change(oneself, (transaction, current) => storePasskey(transaction, current, admitted, clock.wallMs()));
    },

    removePasskey(oneself, id) {
      return change(oneself, async (transaction, operator, append) => {
        const passkeys = await transaction.passkeys.list(operator.id);
        const passkey = passkeys.find((candidate) => candidate.id === id);
        if (passkey === undefined) throw new Refusal("not_found", `There is no passkey ${id}.`);
        if (passkeys.length === 1 && operator.passwordHash === null) {
          throw new Refusal(
            "conflict",
            "It is the only way to sign in that is left; set a password or add another passkey first.",
          );
        }
        await transaction.passkeys.delete(operator.id, id);
        await append("operator.passkey_removed", { passkey: id, label: passkey.label });
      });
    },

    async renewRecoveryCodes(oneself) {
      requireLocal(oneself.operator);
      const codes = makeRecoveryCodes(random);
      await change(oneself, async (transaction, operator, append) => {
        await transaction.recoveryCodes.replace(operator.id, codes.map(hashRecoveryCode));
        await append("operator.recovery_codes_renewed");
      });
      return codes;
    },

    endSession(oneself, id) {
      return change(oneself, async (transaction, operator, append) => {
        if (!(await transaction.sessions.delete(operator.id, id))) {
          throw new Refusal("not_found", `There is no session ${id}.`);
        }
        await append("operator.session_ended", { session: id });
      });
    },

    endOtherSessions(oneself) {
      return change(oneself, async (transaction, operator, append) => {
        await transaction.sessions.deleteAllOf(operator.id, oneself.session.id);
        await append("operator.session_ended", { sessions: "others" });
      });
    },
  };
}

/** @throws {Refusal} `conflict` */
function requireLocal({ federated }: Operator): void {
  if (federated === null) return;
  throw new Refusal("conflict", "Whoever comes by single sign-on signs in by that alone.");
}
