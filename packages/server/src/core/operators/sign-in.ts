import { type ChangeTx, SYSTEM } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Clock, Random } from "../surroundings.ts";
import type { Challenges } from "./challenges.ts";
import { parseEmail } from "./email.ts";
import type { Operator, OperatorId, SignInMethod } from "./model.ts";
import type { PasskeyCeremonies, PasskeyPlace } from "./passkeys.ts";
import type { PasswordHasher } from "./password-hash.ts";
import { normalisePassword } from "./password-rules.ts";
import type { RefusedSignIns } from "./refused-sign-ins.ts";
import { hashRecoveryCode, parseRecoveryCode } from "./secrets.ts";
import { beginSession, type SignedIn, type SignInPlace } from "./sessions.ts";
import type { SignInLimit } from "./sign-in-limit.ts";

/** The id of a nonexistent operator, so that the store does the same work for an unknown address. No operator has this id. */
const NOBODY = (2 ** 31 - 1) as OperatorId;

export interface SignInDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Needn't wait for the node's view, since nothing in it depends on operators. */
  readonly commit: Commit;
  readonly hasher: PasswordHasher;
  readonly limit: SignInLimit;
  /** Notes each refused sign-in. */
  readonly refused: Pick<RefusedSignIns, "note">;
  readonly challenges: Challenges;
  readonly ceremonies: PasskeyCeremonies;
}

/**
 * Signs operators in. A failed attempt gets the same answer and takes the same work for every cause: no such operator, a wrong secret,
 * no secret of that kind, or a deactivated operator.
 *
 * All reject with {@link Refusal}: `sign_in_rejected`, or `rate_limited`.
 */
export interface SignIn {
  byPassword(attempt: { readonly email: string; readonly password: string }, from: SignInPlace): Promise<SignedIn>;
  /** The code works once. */
  byRecoveryCode(attempt: { readonly email: string; readonly code: string }, from: SignInPlace): Promise<SignedIn>;
  /** The options for `navigator.credentials.get`. */
  passkeyOptions(relyingParty: string): Promise<Readonly<Record<string, unknown>>>;
  byPasskey(response: unknown, place: PasskeyPlace, from: SignInPlace): Promise<SignedIn>;
}

export function createSignIn(dependencies: SignInDependencies): SignIn {
  const { store, random, hasher, challenges, ceremonies, refused } = dependencies;

  /** The operator who signs in is the actor of the event. */
  const begin = async (work: (tx: ChangeTx) => Promise<SignedIn>): Promise<SignedIn> =>
    (await dependencies.commit(work, { author: SYSTEM })).result;

  return {
    async byPassword({ email, password }, from) {
      // Before the attempt is counted, which writes: otherwise a flood of attempts would slow down every change.
      hasher.requireRoom();
      return attemptSignIn(dependencies, email, "password", from, async () => {
        const address = parseEmail(email);
        const found = address === undefined ? undefined : await store.operators.findByEmail(address);
        const normalised = normalisePassword(password);
        const isRight = await hasher.matches(normalised ?? "", normalised === undefined ? null : found?.passwordHash);
        if (found === undefined || !isRight || found.status !== "active") throw passwordRejected();
        return begin(async (tx) => {
          const operator = await tx.operators.find(found.id);
          // Hashing takes long: the operator may have been deactivated, or the password changed, meanwhile.
          if (operator?.status !== "active" || operator.passwordHash !== found.passwordHash) throw passwordRejected();
          return beginSession(tx, random, operator, "password", from);
        });
      });
    },

    byRecoveryCode({ email, code }, from) {
      return attemptSignIn(dependencies, email, "recovery_code", from, () =>
        begin(async (tx) => {
          const operator = await tx.operators.findByEmail(parseEmail(email) ?? "");
          const hash = hashRecoveryCode(parseRecoveryCode(code));
          const isRight = await tx.recoveryCodes.use(operator?.id ?? NOBODY, hash);
          if (operator?.status !== "active" || !isRight) {
            throw rejected("The e-mail address or the recovery code is wrong, or the code has been used.");
          }
          return beginSession(tx, random, operator, "recovery_code", from);
        }),
      );
    },

    passkeyOptions(relyingParty) {
      return ceremonies.requestOptions({ challenge: challenges.make({ kind: "sign-in" }), relyingParty });
    },

    async byPasskey(response, place, from) {
      let operator: Operator | undefined;
      try {
        return await attempt();
      } catch (error) {
        if (isRejected(error)) refused.note({ operator, method: "passkey", address: from.address });
        throw error;
      }

      async function attempt(): Promise<SignedIn> {
        const answer = ceremonies.parseAnswer(response);
        const challenge = answer && challenges.check(answer.unverifiedChallenge, { kind: "sign-in" });
        if (answer === undefined || challenge === undefined) throw passkeyRejected();
        const passkey = await store.passkeys.find(answer.unverifiedCredentialId);
        // The browser checks this too. A passkey for another relying party proves nothing to this one.
        if (passkey?.relyingParty !== place.relyingParty) throw passkeyRejected();
        operator = await store.operators.find(passkey.operatorId);
        const verified = await ceremonies.verifyRequest(response, answer.unverifiedChallenge, place, passkey);
        if (verified === undefined) throw passkeyRejected();
        return begin(async (tx) => {
          operator = await tx.operators.find(passkey.operatorId);
          const current = (await tx.passkeys.list(passkey.operatorId)).find(({ id }) => id === passkey.id);
          const isFirstUse = await tx.challenges.use(challenge);
          if (operator?.status !== "active" || current === undefined || !isFirstUse) throw passkeyRejected();
          // Checked again in the transaction: of two answers with the same counter, one is from a cloned authenticator (WebAuthn
          // §6.1.1).
          const { counter } = verified;
          if ((counter > 0 || current.counter > 0) && counter <= current.counter) throw passkeyRejected();
          await tx.passkeys.update(passkey.id, { counter, lastUsedAtMs: tx.nowMs });
          return beginSession(tx, random, operator, "passkey", from);
        });
      }
    },
  };
}

/**
 * Runs an attempt for an e-mail address, within its limit. A refused one is noted under the operator of that address, if there is
 * one; the work is the same if there is none.
 */
export async function attemptSignIn<Result>(
  { store, limit, refused }: Pick<SignInDependencies, "store" | "limit" | "refused">,
  email: string,
  method: SignInMethod,
  { address }: Pick<SignInPlace, "address">,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await limit.attempt(limitKey(email), work);
  } catch (error) {
    if (isRejected(error)) {
      // Noted also if the operator can't be looked up.
      const operator = await store.operators.findByEmail(limitKey(email)).catch(() => undefined);
      refused.note({ operator, method, address });
    }
    throw error;
  }
}

function isRejected(error: unknown): boolean {
  return error instanceof Refusal && (error.code === "sign_in_rejected" || error.code === "rate_limited");
}

/** The name under which attempts are counted. A text that is no address is answered as an unknown one. */
function limitKey(email: string): string {
  return parseEmail(email) ?? "";
}

function rejected(message: string): Refusal {
  return new Refusal("sign_in_rejected", message, {
    hint: "An administrator can make a new link: countersign operator reset.",
  });
}

function passwordRejected(): Refusal {
  return rejected("The e-mail address or the password is wrong.");
}

function passkeyRejected(): Refusal {
  return rejected("The passkey isn't known here, or its answer came too late.");
}
