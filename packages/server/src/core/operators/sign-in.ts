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

/** Takes the place of an operator who isn't there, so that the store does the same work. No operator has this id. */
const NOBODY = (2 ** 31 - 1) as OperatorId;

export interface SignInDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: PasswordHasher;
  readonly limit: SignInLimit;
  /** Told of each sign-in that is refused. */
  readonly refused: Pick<RefusedSignIns, "note">;
  readonly challenges: Challenges;
  readonly ceremonies: PasskeyCeremonies;
}

/**
 * Signs operators in. Whatever is wrong with an attempt (no such operator, a wrong secret, none of that kind, switched off), the
 * answer and the work are the same.
 *
 * All reject with {@link Refusal}: `sign_in_rejected`, or `rate_limited`.
 */
export interface SignIn {
  byPassword(attempt: { readonly email: string; readonly password: string }, from: SignInPlace): Promise<SignedIn>;
  /** The code is used up. */
  byRecoveryCode(attempt: { readonly email: string; readonly code: string }, from: SignInPlace): Promise<SignedIn>;
  /** What `navigator.credentials.get` takes. */
  passkeyOptions(relyingParty: string): Promise<Readonly<Record<string, unknown>>>;
  byPasskey(response: unknown, place: PasskeyPlace, from: SignInPlace): Promise<SignedIn>;
}

export function createSignIn(dependencies: SignInDependencies): SignIn {
  const { store, clock, hasher, challenges, ceremonies, refused } = dependencies;

  return {
    async byPassword({ email, password }, from) {
      // Before the attempt is counted, which writes: a flood of attempts would slow every change.
      hasher.requireRoom();
      return attemptSignIn(dependencies, email, "password", from, async () => {
        const address = parseEmail(email);
        const found = address === undefined ? undefined : await store.operators.findByEmail(address);
        const normalised = normalisePassword(password);
        const isRight = await hasher.matches(normalised ?? "", normalised === undefined ? null : found?.passwordHash);
        if (found === undefined || !isRight || found.status !== "active") throw passwordRejected();
        return store.transaction(async (transaction) => {
          const operator = await transaction.operators.find(found.id);
          // It took a while: since then the operator may have been switched off, or the password changed.
          if (operator?.status !== "active" || operator.passwordHash !== found.passwordHash) throw passwordRejected();
          return beginSession(transaction, dependencies, operator, "password", from);
        });
      });
    },

    byRecoveryCode({ email, code }, from) {
      return attemptSignIn(dependencies, email, "recovery_code", from, () =>
        store.transaction(async (transaction) => {
          const operator = await transaction.operators.findByEmail(parseEmail(email) ?? "");
          const hash = hashRecoveryCode(parseRecoveryCode(code));
          const isRight = await transaction.recoveryCodes.use(operator?.id ?? NOBODY, hash);
          if (operator?.status !== "active" || !isRight) {
            throw rejected("The e-mail address or the recovery code is wrong, or the code has been used.");
          }
          return beginSession(transaction, dependencies, operator, "recovery_code", from);
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
        // The browser sees to this, too; a passkey made for another name says nothing about this one.
        if (passkey?.relyingParty !== place.relyingParty) throw passkeyRejected();
        operator = await store.operators.find(passkey.operatorId);
        const verified = await ceremonies.verifyRequest(response, answer.unverifiedChallenge, place, passkey);
        if (verified === undefined) throw passkeyRejected();
        return store.transaction(async (transaction) => {
          operator = await transaction.operators.find(passkey.operatorId);
          const current = (await transaction.passkeys.list(passkey.operatorId)).find(({ id }) => id === passkey.id);
          const isFirstUse = await transaction.passkeys.useChallenge(challenge.hash, challenge.expiresAtMs);
          if (operator?.status !== "active" || current === undefined || !isFirstUse) throw passkeyRejected();
          // Again, and here for good: of two answers at once with the same counter, one is a copy's (WebAuthn §6.1.1).
          const { counter } = verified;
          if ((counter > 0 || current.counter > 0) && counter <= current.counter) throw passkeyRejected();
          await transaction.passkeys.update(passkey.id, { counter, lastUsedAtMs: clock.wallMs() });
          return beginSession(transaction, dependencies, operator, "passkey", from);
        });
      }
    },
  };
}

/**
 * Runs an attempt for an e-mail address, within the limit for it. One that is refused is noted under the operator of that address,
 * if there is one; the work is the same where there is none.
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
      // What can't be looked up is noted all the same.
      const operator = await store.operators.findByEmail(limitKey(email)).catch(() => undefined);
      refused.note({ operator, method, address });
    }
    throw error;
  }
}

function isRejected(error: unknown): boolean {
  return error instanceof Refusal && (error.code === "sign_in_rejected" || error.code === "rate_limited");
}

/** What attempts are counted under: also what is no address, which is answered as an unknown one. */
function limitKey(email: string): string {
  return parseEmail(email) ?? "";
}

function rejected(message: string): Refusal {
  return new Refusal("sign_in_rejected", message, {
    hint: "Whoever administers the service can make a new link: countersign operator reset.",
  });
}

function passwordRejected(): Refusal {
  return rejected("The e-mail address or the password is wrong.");
}

function passkeyRejected(): Refusal {
  return rejected("The passkey isn't known here, or its answer came too late.");
}
