import type { AssertionAlgorithm, RefusalCode } from "@countersign/protocol";
import { checkSource, type FindSource } from "../check-source.ts";
import { createFairQueue } from "../fair-queue.ts";
import { findKeyProblem, type KeyProblem } from "../keys/key-problem.ts";
import { Refusal } from "../refusal.ts";
import type { RegistryView } from "../view/view.ts";
import type { ViewKey } from "../view/view-user.ts";
import { candidateKeys } from "./candidate-keys.ts";
import type { UnverifiedAssertion } from "./parse-assertion.ts";
import { canBeSignature, findSigningKey } from "./verify-signature.ts";

/**
 * How many assertions' signatures are checked concurrently. Ordinary load stays below this, because queueing costs time. It is low
 * enough that a request waits only for these and one turn of each other client.
 */
const RUNNING_MAX = 64;

/** How many assertions may wait for a check. Even with the longest keys, two cores check them within a second. */
const WAITING_MAX = 1024;

/**
 * Finds the user's key that made an assertion's signature (see {@link candidateKeys} and {@link findSigningKey}), and makes sure that
 * it can be used, from where the request came. An unknown user takes as much work as a known one. Only a client that holds the
 * private key learns the status of the key, its user and their account, and that they are limited to networks.
 *
 * @param username unverified
 * @param client the client's address, for its turn in the queue; requests without an address share one turn
 * @param findSource without it, a user or key that is limited to networks is refused
 * @throws {Refusal} `assertion_rejected` if no key made it or there is no such user; `key_deactivated`, `key_expired`,
 *   `user_deactivated`, `account_deactivated`, `source_not_allowed`; `unavailable` if too many wait or the store fails
 */
export type FindSigner = (
  assertion: UnverifiedAssertion,
  algorithm: AssertionAlgorithm,
  username: string,
  nowMs: number,
  client?: string,
  findSource?: FindSource,
) => Promise<ViewKey>;

/** The steps of {@link FindSigner} that can be replaced, to trace them. */
export interface SignerSteps {
  readonly findSigningKey: (
    ...parameters: Parameters<typeof findSigningKey<ViewKey>>
  ) => ReturnType<typeof findSigningKey<ViewKey>>;
  readonly checkStanding: typeof checkStanding;
}

export const SIGNER_STEPS: SignerSteps = { findSigningKey, checkStanding };

/**
 * Create one for each process: its bounds apply to all signature checks together.
 *
 * @param clientOf maps an address to the client that it counts as
 */
export function createFindSigner(
  view: Pick<RegistryView, "findUser">,
  clientOf?: (address: string) => string,
  steps: SignerSteps = SIGNER_STEPS,
): FindSigner {
  const queue = createFairQueue({ runningMax: RUNNING_MAX, waitingMax: WAITING_MAX, ...(clientOf && { clientOf }) });

  return async (assertion, algorithm, username, nowMs, client = "", findSource = unknownSource) => {
    const found = view.findUser(username);
    const user = found instanceof Promise ? await found : found;
    const { signature, unverifiedHeader } = assertion;
    if (!canBeSignature(signature)) throw assertionRejected();
    const candidates = candidateKeys(
      user?.keys ?? NO_KEYS,
      unverifiedHeader,
      (key) => key.modulus.length === signature.length,
      nowMs,
    );
    // Not queue.run: its closure and promises cost 12 % of all mints.
    const turn = queue.enter(client);
    if (turn !== undefined) await turn;
    let key: ViewKey | undefined;
    try {
      key = await steps.findSigningKey(assertion, algorithm, candidates);
    } finally {
      queue.leave();
    }
    if (key === undefined) throw assertionRejected();
    steps.checkStanding(key, nowMs, findSource);
    return key;
  };
}

/** Makes sure that a key can be used now, from where the request came. @throws {Refusal} */
function checkStanding(key: ViewKey, nowMs: number, findSource: FindSource): void {
  const problem = findKeyProblem(key, nowMs);
  if (problem !== undefined) throw standingRefusal(problem);
  checkSource(key.limits, findSource);
}

const NO_KEYS: readonly ViewKey[] = [];

const unknownSource: FindSource = () => ({ problem: "unreadable" });

/** The same refusal for an unknown user and a wrong key, so that a client never learns which users exist. */
export function assertionRejected(): Refusal {
  return new Refusal(
    "assertion_rejected",
    "No active key of that API user verifies the assertion's signature, or there is no such user.",
    {
      hint: "Check the username and the private key. If both are right, ask the administrator of this service, who can see the exact reason.",
    },
  );
}

/** The refusal of a key that can't be used, to a client that holds its private key. */
export function standingRefusal(problem: KeyProblem): Refusal {
  const [code, message, hint] = STANDING_REFUSALS[problem];
  return new Refusal(code, message, { hint });
}

const NEW_KEY = "Make a new key pair and have its public key added.";
const ACTIVATE = "Ask the administrator of this service to activate it";

const STANDING_REFUSALS = {
  key_revoked: ["key_deactivated", "The key that signed the assertion is revoked.", `It stays off. ${NEW_KEY}`],
  key_deactivated: [
    "key_deactivated",
    "The key that signed the assertion is deactivated.",
    `${ACTIVATE}, or to add a new key.`,
  ],
  key_expired: ["key_expired", "The key that signed the assertion is past its expiry.", NEW_KEY],
  user_deactivated: ["user_deactivated", "The API user is deactivated.", `${ACTIVATE}.`],
  account_deactivated: ["account_deactivated", "The API user's account is deactivated.", `${ACTIVATE}.`],
} as const satisfies Record<KeyProblem, readonly [code: RefusalCode, message: string, hint: string]>;
