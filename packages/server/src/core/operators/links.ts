import { fieldRefusal, Refusal } from "../refusal.ts";
import { isExpired } from "../keys/model.ts";
import type { StoreTransaction } from "../store/store.ts";
import { hashSecret } from "../secret-form.ts";
import { requireEmail } from "./email.ts";
import { operatorEvent } from "./events.ts";
import type { Invitation, Operator } from "./model.ts";
import { admitPasskey, type PasskeyPlace, storePasskey } from "./passkeys.ts";
import { checkNewPassword } from "./password-rules.ts";
import { hashRecoveryCode, LINK_SECRETS, makeRecoveryCodes } from "./secrets.ts";
import { beginSession, operatorActor, type SignedIn, type SignInPlace } from "./sessions.ts";
import type { SignInDependencies } from "./sign-in.ts";

/** What whoever has a link wants to sign in with from now on. */
export interface LinkAnswer {
  /** For `setup` alone: who the first owner is. */
  readonly email?: string | undefined;
  readonly password?: string | undefined;
  readonly passkey?: { readonly response: unknown; readonly label?: string | undefined } | undefined;
}

/** Somebody whom a link let in. The codes can't be read again. */
export interface LetIn extends SignedIn {
  readonly recoveryCodes: readonly string[];
}

/**
 * One-time links. Whatever is wrong with one (never made, used, withdrawn, replaced, over, its purpose gone), the answer is the
 * same: {@link Refusal} `link_invalid`.
 */
export interface Links {
  /** What a link is for. Doesn't use it up. */
  look(secret: string): Promise<Invitation>;
  /** What `navigator.credentials.create` takes. @param email as in {@link LinkAnswer} */
  passkeyOptions(
    secret: string,
    email: string | undefined,
    relyingParty: string,
  ): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Uses a link up: makes the operator, or gives one other ways to sign in and takes all that there were; and signs in.
   *
   * @param place `undefined` where passkeys don't work
   * @throws {Refusal} `field_invalid`, `conflict`: then the link is still good
   */
  use(secret: string, answer: LinkAnswer, place: PasskeyPlace | undefined, from: SignInPlace): Promise<LetIn>;
}

export function createLinks(dependencies: SignInDependencies): Links {
  const { store, clock, random, hasher, challenges, ceremonies } = dependencies;

  async function load(secret: string): Promise<Invitation> {
    const found = LINK_SECRETS.isOne(secret) ? await store.invitations.findBySecret(hashSecret(secret)) : undefined;
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
      // Before the transaction, which nobody else can write beside.
      const admitted =
        passkey === undefined || place === undefined
          ? undefined
          : await admitPasskey(dependencies, passkey, { kind: "link", secretHash }, place);
      const passwordHash =
        password === undefined ? null : await hasher.hash(await checkNewPassword("password", password, address));
      const recoveryCodes = makeRecoveryCodes(random);
      const signedIn = await store.transaction(async (transaction) => {
        const now = clock.wallMs();
        const current = await transaction.invitations.findBySecret(secretHash);
        if (current === undefined || isExpired(current, now)) throw linkInvalid();
        await transaction.invitations.delete(current.id);
        const operator =
          current.kind === "reset"
            ? await reset(transaction, address, passwordHash, now)
            : await create(transaction, current, address, passwordHash, now);
        if (admitted !== undefined) await storePasskey(transaction, operator, admitted, now);
        await transaction.recoveryCodes.replace(operator.id, recoveryCodes.map(hashRecoveryCode));
        return beginSession(transaction, dependencies, operator, "link", from);
      });
      return { ...signedIn, recoveryCodes };
    },
  };
}

function addressOf({ email: invited }: Pick<Invitation, "email">, given: string | undefined): string {
  if (invited !== null) return invited;
  if (given === undefined) throw fieldRefusal("field_invalid", "The first owner's e-mail address is missing.", "email");
  return requireEmail(given);
}

/** The first owner, while there is no operator at all; or somebody who was invited. */
async function create(
  transaction: StoreTransaction,
  { id, kind, role, account, accountId }: Invitation,
  email: string,
  passwordHash: string | null,
  now: number,
): Promise<Operator> {
  const isTaken =
    kind === "setup"
      ? (await transaction.operators.count()) > 0
      : (await transaction.operators.findByEmail(email)) !== undefined;
  if (isTaken) throw linkInvalid();
  const operator = await transaction.operators.insert({
    email,
    role,
    accountId,
    passwordHash,
    federated: null,
    createdAtMs: now,
  });
  await transaction.invitations.deleteOfKind("setup");
  await transaction.events.append(
    operatorEvent(now, operatorActor(operator), "operator.created", operator, { role, account, invitation: id, kind }),
  );
  return operator;
}

/** Whatever was lost may be in somebody else's hands. */
async function reset(
  transaction: StoreTransaction,
  email: string,
  passwordHash: string | null,
  now: number,
): Promise<Operator> {
  const operator = await transaction.operators.findByEmail(email);
  if (operator?.status !== "active" || operator.federated !== null) throw linkInvalid();
  const actor = operatorActor(operator);
  for (const { id, label } of await transaction.passkeys.list(operator.id)) {
    await transaction.passkeys.delete(operator.id, id);
    await transaction.events.append(
      operatorEvent(now, actor, "operator.passkey_removed", operator, { passkey: id, label, by_reset: true }),
    );
  }
  if (passwordHash !== operator.passwordHash) {
    await transaction.operators.update(operator.id, { passwordHash });
    const details = { has_password: passwordHash !== null, by_reset: true };
    await transaction.events.append(operatorEvent(now, actor, "operator.password_changed", operator, details));
  }
  await transaction.sessions.deleteAllOf(operator.id);
  await transaction.events.append(
    operatorEvent(now, actor, "operator.session_ended", operator, { sessions: "all", by_reset: true }),
  );
  return { ...operator, passwordHash };
}

function linkInvalid(): Refusal {
  return new Refusal("link_invalid", "The link isn't good: it was used, withdrawn or replaced, or is too old.", {
    hint: "Ask for a new one. Without any operator, the server prints one at each start.",
  });
}
