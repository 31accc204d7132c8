import type { AssertionAlgorithm, RefusalCode } from "@countersign/protocol";
import { createFairQueue } from "../fair-queue.ts";
import { findKeyProblem, type KeyProblem } from "../keys/key-problem.ts";
import { Refusal } from "../refusal.ts";
import type { RegistryView } from "../view/view.ts";
import type { ViewKey } from "../view/view-user.ts";
import { candidateKeys } from "./candidate-keys.ts";
import type { UnverifiedAssertion } from "./parse-assertion.ts";
import { canBeSignature, findSigningKey } from "./verify-signature.ts";

/**
 * How many assertions' signatures are checked at once. More than an ordinary load has under way, since waiting costs time of its own; few
 * enough that a request waits for no more than these and one turn of each other client.
 */
const RUNNING_MAX = 64;

/** How many assertions may wait for that. With the longest keys they are checked within a second on two cores. */
const WAITING_MAX = 1024;

/**
 * Finds the user's key that made an assertion's signature, as {@link candidateKeys} and {@link findSigningKey} say, and makes sure that
 * it can be used. An unknown user costs what a known one costs. Only a client that holds the private key learns how a key, its
 * user or their account stands.
 *
 * @param username unverified
 * @param client whose turn it counts as; requests without an address share one turn
 * @throws {Refusal} `assertion_rejected` where no key made it or there is no such user; `key_deactivated`, `key_expired`,
 *   `user_deactivated`, `account_deactivated`; `unavailable` where too many wait or the store can't be asked
 */
export type FindSigner = (
  assertion: UnverifiedAssertion,
  algorithm: AssertionAlgorithm,
  username: string,
  nowMs: number,
  client?: string,
) => Promise<ViewKey>;

/**
 * One for a process: the bounds are on all its signature checks together.
 *
 * @param clientOf what counts as one client, of an address
 */
export function createFindSigner(
  view: Pick<RegistryView, "findUser">,
  clientOf?: (address: string) => string,
): FindSigner {
  const queue = createFairQueue({ runningMax: RUNNING_MAX, waitingMax: WAITING_MAX, ...(clientOf && { clientOf }) });

  return async (assertion, algorithm, username, nowMs, client = "") => {
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
      key = await findSigningKey(assertion, algorithm, candidates);
    } finally {
      queue.leave();
    }
    if (key === undefined) throw assertionRejected();
    const problem = findKeyProblem(key, nowMs);
    if (problem !== undefined) throw standingRefusal(problem);
    return key;
  };
}

const NO_KEYS: readonly ViewKey[] = [];

/** The one answer to an unknown user and to a wrong key: a client never learns which users exist. */
export function assertionRejected(): Refusal {
  return new Refusal(
    "assertion_rejected",
    "No active key of that API user verifies the assertion's signature, or there is no such user.",
    {
      hint: "Check the username, and that the private key belongs to a public key added for it. countersign explain says more.",
    },
  );
}

function standingRefusal(problem: KeyProblem): Refusal {
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
