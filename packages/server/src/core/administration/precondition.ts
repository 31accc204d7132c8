import { Refusal } from "../refusal.ts";
import type { StoreTransaction } from "../registry/store.ts";
import type { Transactions } from "./idempotency.ts";

/**
 * Transactions in which a change is made only to the version that was read (RFC 9110 §13.1.1, `If-Match`).
 *
 * @param ifMatch the header: entity tags, or `*`. Without it the change is made to whatever is there.
 * @param currentTag the tag of what is to be changed, as it is now; `undefined` where it isn't there
 */
export function onlyIfMatch(
  store: Transactions,
  ifMatch: string | undefined,
  currentTag: (transaction: StoreTransaction) => Promise<string | undefined>,
): Transactions {
  if (ifMatch === undefined) return store;
  const tags = ifMatch.split(",").map((tag) => tag.trim());
  return {
    transaction: (work) =>
      store.transaction(async (transaction) => {
        const current = await currentTag(transaction);
        // What isn't there is refused as such, by the change itself.
        if (current !== undefined && !tags.includes("*") && !tags.includes(current)) {
          throw new Refusal("precondition_failed", "It was changed since it was read.", {
            hint: "Read it again; its ETag names the version that is there now.",
          });
        }
        return work(transaction);
      }),
  };
}
