import { createHash } from "node:crypto";
import type { RememberedCreation } from "./store.ts";
import { Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../surroundings.ts";

/** All that makers of changes need of a store. */
export type Transactions = Pick<Store, "transaction">;

/** What is to be made once. */
export interface CreationAttempt<Made> {
  /** The `Idempotency-Key`; without one, it is simply made. */
  readonly key: string | undefined;
  /** Who asks, as the audit log has it. Nobody meets another's keys. */
  readonly principal: string;
  /** What is asked: the same under the same key each time. */
  readonly request: unknown;
  /** Makes it, in a transaction of these. */
  readonly create: (transactions: Transactions) => Promise<Made>;
  /** What was made, such as `user:7`. */
  readonly subjectOf: (made: Made) => string;
}

/** What was made, or, where it was made before, what that was called. */
export type CreationOutcome<Made> =
  | { readonly isRepeated: false; readonly made: Made }
  | { readonly isRepeated: true; readonly subject: string };

class MadeBefore extends Error {
  readonly creation: RememberedCreation;

  constructor(creation: RememberedCreation) {
    super("it was made before");
    this.creation = creation;
  }
}

/**
 * Makes something once, however often it is asked for under one `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header). The key is noted in the transaction that makes the thing, so that there is none
 * without the other. What it was answered isn't noted, since that may hold a secret: the caller looks the thing up again.
 *
 * @throws {Refusal} `idempotency_key_reused` where the key was used for another request
 */
export async function createOnce<Made>(
  store: Transactions,
  clock: Clock,
  { key, principal, request, create, subjectOf }: CreationAttempt<Made>,
): Promise<CreationOutcome<Made>> {
  if (key === undefined) return { isRepeated: false, made: await create(store) };
  const keyHash = sha256(key);
  const requestHash = sha256(JSON.stringify(request, inOrder));
  try {
    const made = await create({
      transaction: (work) =>
        store.transaction(async (transaction) => {
          const before = await transaction.creations.find(principal, keyHash);
          if (before !== undefined) throw new MadeBefore(before);
          const result = await work(transaction);
          const subject = subjectOf(result as unknown as Made);
          await transaction.creations.insert({ principal, keyHash, requestHash, subject, createdAtMs: clock.wallMs() });
          return result;
        }),
    });
    return { isRepeated: false, made };
  } catch (error) {
    if (!(error instanceof MadeBefore)) throw error;
    if (error.creation.requestHash !== requestHash) {
      throw new Refusal("idempotency_key_reused", "This Idempotency-Key was used for another request.");
    }
    return { isRepeated: true, subject: error.creation.subject };
  }
}

/** A client's JSON may come from a map without an order: the same members in another order are the same request. */
function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
