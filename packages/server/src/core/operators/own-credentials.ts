import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Operator, Session } from "./model.ts";
import { admitPasskey, type AdmittedPasskey, type PasskeyPlace } from "./passkeys.ts";
import { checkNewPassword, normalisePassword } from "./password-rules.ts";
import { isFresh, requireFresh } from "./sessions.ts";
import { attemptSignIn, type SignInDependencies } from "./sign-in.ts";

/** An operator who is signed in. */
export interface SignedInOperator {
  readonly operator: Operator;
  readonly session: Session;
}

/**
 * Checks the credentials that operators set for themselves, before the transaction that stores them: hashing a password and
 * verifying a passkey take long. Operators who use single sign-on have no credentials here, since these would outlive what the
 * identity provider says.
 *
 * All reject with {@link Refusal} `conflict` for such an operator.
 */
export interface OwnCredentials {
  /**
   * @param change.currentPassword required if there is one; if there is none, the sign-in has to be fresh
   * @returns the hash of the new password
   * @throws {Refusal} `sign_in_rejected` if the current password is wrong; `rate_limited`; `fresh_sign_in_required`;
   *   `field_invalid`
   */
  hashNewPassword(
    caller: SignedInOperator,
    change: { readonly currentPassword?: string | undefined; readonly newPassword: string },
  ): Promise<string>;
  /** The options for `navigator.credentials.create`. */
  passkeyOptions(operator: Operator, relyingParty: string): Promise<Readonly<Record<string, unknown>>>;
  /** @throws {Refusal} `field_invalid`, `conflict` */
  admitPasskey(
    operator: Operator,
    passkey: { readonly response: unknown; readonly label?: string | undefined },
    place: PasskeyPlace,
  ): Promise<AdmittedPasskey>;
}

export function createOwnCredentials(dependencies: SignInDependencies): OwnCredentials {
  const { store, clock, hasher, challenges, ceremonies } = dependencies;

  async function checkCurrentPassword(
    { operator, session }: SignedInOperator,
    given: string | undefined,
  ): Promise<void> {
    const { email, passwordHash } = operator;
    if (passwordHash === null) {
      // Without a password to check, only a fresh sign-in shows that the caller isn't a thief of the session.
      requireFresh(isFresh(session, clock.wallMs()));
      return;
    }
    if (given === undefined) {
      throw fieldRefusal("field_invalid", "The current password is needed.", "current_password");
    }
    await attemptSignIn(dependencies, email, "password", session, async () => {
      const normalised = normalisePassword(given);
      const isRight = await hasher.matches(normalised ?? "", normalised === undefined ? null : passwordHash);
      if (!isRight) throw fieldRefusal("sign_in_rejected", "The current password is wrong.", "current_password");
    });
  }

  return {
    async hashNewPassword(caller, { currentPassword, newPassword }) {
      requireLocal(caller.operator);
      await checkCurrentPassword(caller, currentPassword);
      return hasher.hash(await checkNewPassword("new_password", newPassword, caller.operator.email));
    },

    async passkeyOptions(operator, relyingParty) {
      requireLocal(operator);
      return ceremonies.creationOptions({
        challenge: challenges.make({ kind: "passkey", operatorId: operator.id }),
        email: operator.email,
        userHandle: challenges.userHandle(operator.email),
        relyingParty,
        existing: await store.passkeys.list(operator.id),
      });
    },

    async admitPasskey(operator, passkey, place) {
      requireLocal(operator);
      return admitPasskey(dependencies, passkey, { kind: "passkey", operatorId: operator.id }, place);
    },
  };
}

/** @throws {Refusal} `conflict` */
export function requireLocal({ federated }: Operator): void {
  if (federated === null) return;
  throw new Refusal("conflict", "An operator who uses single sign-on has no other way to sign in.");
}
