import type { KeyId } from "./model.ts";
import type { RegistryStore } from "./store.ts";

/**
 * When each key was last used, counted in memory and written every few seconds. A crash loses what wasn't written yet:
 * nothing on the way of a request may wait for the store.
 */
export interface KeyUsage {
  record(keyId: KeyId, atMs: number): void;
  /** Writes what was recorded since the last flush; keeps it for the next one where the store can't be reached. */
  flush(): Promise<void>;
}

export function createKeyUsage(store: Pick<RegistryStore, "recordKeyUsage">): KeyUsage {
  let pending = new Map<KeyId, number>();
  return {
    record(keyId, atMs) {
      pending.set(keyId, atMs);
    },
    async flush() {
      if (pending.size === 0) return;
      const flushing = pending;
      pending = new Map();
      try {
        await store.recordKeyUsage(flushing);
      } catch (error) {
        for (const [keyId, atMs] of flushing) if (!pending.has(keyId)) pending.set(keyId, atMs);
        throw error;
      }
    },
  };
}
