import type { AssertionAlgorithm } from "@countersign/protocol";
import { createFairQueue } from "../fair-queue.ts";
import type { ViewKey, ViewUser } from "../registry/view.ts";
import { candidateKeys } from "./candidate-keys.ts";
import type { UnverifiedAssertion } from "./parse-assertion.ts";
import { canBeSignature, findSigningKey } from "./verify-signature.ts";

/**
 * How many assertions' signatures are checked at once. Enough to keep libuv's four threads busy; few enough that a request waits for no
 * more than these and one turn of each other client.
 */
const RUNNING_MAX = 16;

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

/** One for a process: the bounds are on all its signature checks together. */
export function createFindSigner(): FindSigner {
  const queue = createFairQueue({ runningMax: RUNNING_MAX, waitingMax: WAITING_MAX });
  return async (assertion, algorithm, user, nowMs, client = "") => {
    const { signature, unverifiedHeader } = assertion;
    if (!canBeSignature(signature)) return undefined;
    const candidates = candidateKeys(
      user?.keys ?? NO_KEYS,
      unverifiedHeader,
      (key) => key.modulus.length === signature.length,
      nowMs,
    );
    return queue.run(client, () => findSigningKey(assertion, algorithm, candidates));
  };
}

const NO_KEYS: readonly ViewKey[] = [];
