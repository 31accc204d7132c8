import type { ChangeTx } from "../change/change-tx.ts";
import type { Store } from "../store/store.ts";
import { checkDisplayText } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { OpenChallenge } from "../challenges/store.ts";
import type { ChallengePurpose, Challenges } from "./challenges.ts";
import { ofOperator } from "./events.ts";
import type { Operator, Passkey } from "./model.ts";
import { operatorActor } from "./sessions.ts";

/** The most passkeys that an operator can have. */
export const PASSKEYS_PER_OPERATOR_MAX = 20;

/** The page at which a passkey is made or used. */
export interface PasskeyPlace {
  readonly origin: string;
  /** The relying party's id at that origin; see `Origins`. */
  readonly relyingParty: string;
}

/** A credential that an authenticator has just made. */
export interface NewCredential extends Pick<Passkey, "credentialId" | "publicKey" | "counter" | "transports"> {
  /** The authenticator's own description, such as `iCloud Keychain`. */
  readonly authenticator: string;
}

/** The claims of an answer before any check. */
export interface UnverifiedAnswer {
  readonly unverifiedCredentialId: string;
  readonly unverifiedChallenge: Buffer;
}

/**
 * WebAuthn (Level 3), as the core needs it. Credentials are discoverable, and the authenticator verifies its user, so that a passkey
 * is enough to sign in. An implementation checks an answer's type, origin, relying party and signature, but not its challenge.
 */
export interface PasskeyCeremonies {
  /** The options for `navigator.credentials.create`. */
  creationOptions(creation: {
    readonly challenge: Buffer;
    readonly email: string;
    readonly userHandle: Buffer;
    readonly relyingParty: string;
    readonly existing: readonly Passkey[];
  }): Promise<Readonly<Record<string, unknown>>>;
  /** The options for `navigator.credentials.get`. */
  requestOptions(request: {
    readonly challenge: Buffer;
    readonly relyingParty: string;
  }): Promise<Readonly<Record<string, unknown>>>;
  /** @returns `undefined` if it isn't a WebAuthn answer */
  parseAnswer(response: unknown): UnverifiedAnswer | undefined;
  /** @returns `undefined` if anything about it is wrong */
  verifyCreation(response: unknown, challenge: Buffer, place: PasskeyPlace): Promise<NewCredential | undefined>;
  /** @returns `undefined` if anything about it is wrong, including a counter that went back */
  verifyRequest(
    response: unknown,
    challenge: Buffer,
    place: PasskeyPlace,
    passkey: Passkey,
  ): Promise<{ readonly counter: number } | undefined>;
}

export interface PasskeyDependencies {
  readonly store: Pick<Store, "passkeys">;
  readonly ceremonies: PasskeyCeremonies;
  readonly challenges: Challenges;
}

/** A passkey that may be stored, in a transaction that uses up its challenge. */
export interface AdmittedPasskey {
  readonly credential: NewCredential;
  readonly challenge: OpenChallenge;
  readonly label: string;
  readonly relyingParty: string;
}

/** Checks a new passkey. @throws {Refusal} `field_invalid`; `conflict` if the passkey is registered already */
export async function admitPasskey(
  { store, ceremonies, challenges }: PasskeyDependencies,
  { response, label }: { readonly response: unknown; readonly label?: string | undefined },
  purpose: ChallengePurpose,
  place: PasskeyPlace,
): Promise<AdmittedPasskey> {
  if (label !== undefined) checkDisplayText("label", label);
  const unverifiedChallenge = ceremonies.parseAnswer(response)?.unverifiedChallenge;
  const challenge = unverifiedChallenge && challenges.check(unverifiedChallenge, purpose);
  if (unverifiedChallenge === undefined || challenge === undefined) throw passkeyInvalid();
  const credential = await ceremonies.verifyCreation(response, unverifiedChallenge, place);
  if (credential === undefined) throw passkeyInvalid();
  if ((await store.passkeys.find(credential.credentialId)) !== undefined) {
    throw fieldRefusal("conflict", "This passkey is known here already.", "response");
  }
  return { credential, challenge, label: label ?? credential.authenticator, relyingParty: place.relyingParty };
}

/**
 * Stores a passkey and uses up its challenge.
 *
 * @throws {Refusal} `field_invalid` if the challenge was answered before; `conflict` if there are too many
 */
export async function storePasskey(
  tx: ChangeTx,
  operator: Operator,
  { credential, challenge, label, relyingParty }: AdmittedPasskey,
): Promise<Passkey> {
  if (!(await tx.challenges.use(challenge))) throw passkeyInvalid();
  if ((await tx.passkeys.list(operator.id)).length >= PASSKEYS_PER_OPERATOR_MAX) {
    throw new Refusal("conflict", `There can be ${PASSKEYS_PER_OPERATOR_MAX} passkeys; remove one first.`);
  }
  const { credentialId, publicKey, counter, transports } = credential;
  const passkey = await tx.passkeys.insert({
    operatorId: operator.id,
    credentialId,
    publicKey,
    counter,
    transports,
    relyingParty,
    label,
    createdAtMs: tx.nowMs,
  });
  await tx.append(
    { action: "operator.passkey_added", ...ofOperator(operator), passkey: passkey.id, label },
    operatorActor(operator),
  );
  return passkey;
}

function passkeyInvalid(): Refusal {
  return fieldRefusal(
    "field_invalid",
    "The passkey isn't valid: it wasn't made for this page and this request, or too long ago. Try again.",
    "response",
  );
}
