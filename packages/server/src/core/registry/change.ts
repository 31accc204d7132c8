import type { RegistryStore, StoreTransaction } from "./store.ts";

/**
 * Runs one change: the work and its audit event in one transaction, then whatever has to hold before the change is
 * acknowledged. What the work throws changes nothing; another error may come after the commit, and then the change is
 * durable, but not acknowledged.
 */
export type Change = <Result>(work: (transaction: StoreTransaction) => Promise<Result>) => Promise<Result>;

/** @param onChanged awaited after each commit and before the change is acknowledged; the server evicts its view there */
export function createChange(store: Pick<RegistryStore, "transaction">, onChanged: () => Promise<void>): Change {
  return async (work) => {
    const result = await store.transaction(work);
    await onChanged();
    return result;
  };
}
