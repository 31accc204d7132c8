import type { AssertionAlgorithm } from "@countersign/protocol";
import { createFairQueue } from "../fair-queue.ts";
import type { ViewKey, ViewUser } from "../view/view.ts";
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
 * Finds the user's key that made an assertion's signature, as {@link candidateKeys} and {@link findSigningKey} say. An unknown user costs
 * what a known one costs.
 *
 * @param client whose turn it counts as; nobody's address is an address of its own
 * @throws {Refusal} `unavailable` where too many wait
 */
export type FindSigner = (
  assertion: UnverifiedAssertion,
  algorithm: AssertionAlgorithm,
  user: ViewUser | undefined,
  nowMs: number,
  client?: string,
) => Promise<ViewKey | undefined>;

/**
 * One for a process: the bounds are on all its signature checks together.
 *
 * @param clientOf what counts as one client, of an address
 */
export function createFindSigner(clientOf?: (address: string) => string): FindSigner {
  const queue = createFairQueue({ runningMax: RUNNING_MAX, waitingMax: WAITING_MAX, ...(clientOf && { clientOf }) });
  return async (assertion, algorithm, user, nowMs, client = "") => {
    const { signature, unverifiedHeader } = assertion;
    if (!canBeSignature(signature)) return undefined;
    const candidates = candidateKeys(
      user?.keys ?? NO_KEYS,
      unverifiedHeader,
      (key) => key.modulus.length === signature.length,
      nowMs,
    );
    const waiting = queue.enter(client);
    if (waiting !== undefined) await waiting;
    try {
      return await findSigningKey(assertion, algorithm, candidates);
    } finally {
      queue.leave();
    }
  };
}

const NO_KEYS: readonly ViewKey[] = [];
