import { type ChangeTx, SYSTEM } from "../change/change-tx.ts";
import { isExpired } from "../expiry.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import { hashSecret } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";
import { revokeTokensOf } from "./admin-tokens.ts";
import { requireEmail } from "./email.ts";
import { ofOperator } from "./events.ts";
import type { Invitation, Operator } from "./model.ts";
import { admitPasskey, type AdmittedPasskey, type PasskeyPlace, storePasskey } from "./passkeys.ts";
import { checkNewPassword } from "./password-rules.ts";
import { hashRecoveryCode, LINK_SECRETS, makeRecoveryCodes } from "./secrets.ts";
import { beginSession, operatorActor, type SignedIn, type SignInPlace } from "./sessions.ts";
import type { SignInDependencies } from "./sign-in.ts";

/** How the holder of a link wants to sign in from now on. */
export interface LinkAnswer {
  /** Only for `setup`: the first owner's address. */
  readonly email?: string | undefined;
  readonly password?: string | undefined;
  readonly passkey?: { readonly response: unknown; readonly label?: string | undefined } | undefined;
}

/** A session that began with a link. The recovery codes can't be read again. */
export interface SignedInByLink extends SignedIn {
  readonly recoveryCodes: readonly string[];
}

/**
 * One-time links, as their holders use them. An invalid link always gets the same answer, {@link Refusal} `link_invalid`, for every
 * cause: it was never created, was used, withdrawn or replaced, has expired, or has lost its purpose.
 */
export interface Links {
  /** What a link is for. Doesn't use it. */
  look(secret: string): Promise<Invitation>;
  /** The options for `navigator.credentials.create`. @param email as in {@link LinkAnswer} */
  passkeyOptions(
    secret: string,
    email: string | undefined,
    relyingParty: string,
  ): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Uses a link: creates the operator, or replaces all of an operator's ways to sign in; and begins a session.
   *
   * @param place `undefined` if passkeys can't work there
   * @throws {Refusal} `field_invalid`, `conflict`: then the link stays valid
   */
  use(secret: string, answer: LinkAnswer, place: PasskeyPlace | undefined, from: SignInPlace): Promise<SignedInByLink>;
}

export function createLinks(dependencies: SignInDependencies): Links {
  const { store, clock, random, commit, hasher, challenges, ceremonies } = dependencies;

  async function load(secret: string): Promise<Invitation> {
    const found = LINK_SECRETS.hasForm(secret) ? await store.invitations.findBySecret(hashSecret(secret)) : undefined;
    if (found === undefined || isExpired(found, clock.wallMs())) throw linkInvalid();
    return found;
  }

  return {
    look: load,

    async passkeyOptions(secret, email, relyingParty) {
      const invitation = await load(secret);
      const address = addressOf(invitation, email);
      const userHandle = challenges.userHandle(address);
      const challenge = challenges.make({ kind: "link", secretHash: invitation.secretHash });
      return ceremonies.creationOptions({ challenge, email: address, userHandle, relyingParty, existing: [] });
    },

    async use(secret, { email, password, passkey }, place, from) {
      const { secretHash, ...invitation } = await load(secret);
      const address = addressOf(invitation, email);
      if (password === undefined && passkey === undefined) {
        throw fieldRefusal("field_invalid", "Choose a password, make a passkey, or both.", "password");
      }
      if (passkey !== undefined && place === undefined) {
        throw fieldRefusal("field_invalid", "Passkeys don't work at this address.", "passkey");
      }
      // Before the transaction, during which nothing else can be written.
      const admitted =
        passkey === undefined || place === undefined
          ? undefined
          : await admitPasskey(dependencies, passkey, { kind: "link", secretHash }, place);
      const passwordHash =
        password === undefined ? null : await hasher.hash(await checkNewPassword("password", password, address));
      const credentials = { email: address, passwordHash, passkey: admitted };
      const work = (tx: ChangeTx) => useInvitation(tx, random, secretHash, credentials, from);
      // The operator of the link is the actor of its events.
      return (await commit(work, { author: SYSTEM })).result;
    },
  };
}

/** Credentials that were checked before the transaction. */
interface CheckedCredentials {
  readonly email: string;
  readonly passwordHash: string | null;
  readonly passkey: AdmittedPasskey | undefined;
}

async function useInvitation(
  tx: ChangeTx,
  random: Random,
  secretHash: string,
  { email, passwordHash, passkey }: CheckedCredentials,
  from: SignInPlace,
): Promise<SignedInByLink> {
  const invitation = await tx.invitations.findBySecret(secretHash);
  if (invitation === undefined || isExpired(invitation, tx.nowMs)) throw linkInvalid();
  await tx.invitations.delete(invitation.id);
  const operator =
    invitation.kind === "reset"
      ? await resetCredentials(tx, email, passwordHash)
      : await createOperator(tx, invitation, email, passwordHash);
  if (passkey !== undefined) await storePasskey(tx, operator, passkey);
  const recoveryCodes = makeRecoveryCodes(random);
  await tx.recoveryCodes.replace(operator.id, recoveryCodes.map(hashRecoveryCode));
  return { ...(await beginSession(tx, random, operator, "link", from)), recoveryCodes };
}

function addressOf({ email: invited }: Pick<Invitation, "email">, given: string | undefined): string {
  if (invited !== null) return invited;
  if (given === undefined) throw fieldRefusal("field_invalid", "The first owner's e-mail address is missing.", "email");
  return requireEmail(given);
}

/** @throws {Refusal} `link_invalid` if there is such an operator, or, for the set-up link, any operator */
async function createOperator(
  tx: ChangeTx,
  { id, kind, role, account, accountId }: Invitation,
  email: string,
  passwordHash: string | null,
): Promise<Operator> {
  const isTaken =
    kind === "setup" ? (await tx.operators.count()) > 0 : (await tx.operators.findByEmail(email)) !== undefined;
  if (isTaken) throw linkInvalid();
  const values = { email, role, accountId, passwordHash, federated: null, createdAtMs: tx.nowMs };
  const operator = await tx.operators.insert(values);
  await tx.invitations.deleteOfKind("setup");
  await tx.append(
    { action: "operator.created", ...ofOperator(operator), role, account, invitation: id, kind },
    operatorActor(operator),
  );
  return operator;
}

/** Removes all credentials, sessions and command lines: a lost credential may be in a stranger's hands. */
async function resetCredentials(tx: ChangeTx, email: string, passwordHash: string | null): Promise<Operator> {
  const operator = await tx.operators.findByEmail(email);
  if (operator?.status !== "active" || operator.federated !== null) throw linkInvalid();
  const actor = operatorActor(operator);
  const subject = ofOperator(operator);
  for (const { id, label } of await tx.passkeys.list(operator.id)) {
    await tx.passkeys.delete(operator.id, id);
    await tx.append({ action: "operator.passkey_removed", ...subject, passkey: id, label, byReset: true }, actor);
  }
  if (passwordHash !== operator.passwordHash) {
    await tx.operators.update(operator.id, { passwordHash });
    const hasPassword = passwordHash !== null;
    await tx.append({ action: "operator.password_changed", ...subject, hasPassword, byReset: true }, actor);
  }
  await tx.sessions.deleteAllOf(operator.id);
  await revokeTokensOf(tx, operator.id, actor);
  await tx.append({ action: "operator.session_ended", ...subject, sessions: "all", byReset: true }, actor);
  return { ...operator, passwordHash };
}

function linkInvalid(): Refusal {
  return new Refusal("link_invalid", "The link isn't valid: it was used, withdrawn or replaced, or has expired.", {
    hint: "Ask for a new one. Without any operator, the server prints one at each start.",
  });
}
