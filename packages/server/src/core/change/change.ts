import { Refusal } from "../refusal.ts";
import type { Store, StoreTransaction } from "../store/store.ts";

/**
 * Runs one change: the work and its audit event in one transaction, then whatever has to hold before the change is
 * acknowledged. What the work throws changes nothing. A failure after the commit leaves the change durable, but not
 * acknowledged: it is a {@link Refusal} `unavailable` that says so.
 */
export type Change = <Result>(work: (transaction: StoreTransaction) => Promise<Result>) => Promise<Result>;

/** @param onChanged awaited after each commit and before the change is acknowledged; the server evicts its view there */
export function createChange(store: Pick<Store, "transaction">, onChanged: () => Promise<void>): Change {
  return async (work) => {
    const result = await store.transaction(work);
    try {
      await onChanged();
    } catch (cause) {
      const message = "The change was made, but this node can't confirm that it holds here. Look before you try again.";
      throw new Refusal("unavailable", message, { cause, retryAfterSeconds: 1 });
    }
    return result;
  };
}
