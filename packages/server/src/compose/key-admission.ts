import { availableParallelism } from "node:os";
import type { Config } from "../config/config.ts";
import { type AdmitKey, type AdmitKeys, createAdmitKey, createKeyGate } from "../core/keys/admit-key.ts";
import type { StoredKeyExaminer } from "../core/keys/audit/audit-keys.ts";
import { createStoredKeyExaminer } from "../core/keys/audit/stored-key-examiner.ts";
import { createKeyExaminer } from "../core/keys/weakness/key-examiner.ts";
import type { Store } from "../core/store/store.ts";
import { createIsPublished } from "../platform/key-blocklist.ts";
import { createKeyExaminerPool } from "../platform/key-examiner-pool.ts";

/** How many threads examine the keys of an import. With more, the store is the limit. */
const EXAMINER_THREADS_MAX = 16;

/** What admits new keys and examines stored ones. */
export interface KeyAdmission {
  readonly admitKey: AdmitKey;
  readonly storedKeyExaminer: StoredKeyExaminer;
}

/** Examines keys for a command: in its own thread, since it serves no other client meanwhile. */
export function createKeyAdmission({ keyBlocklist }: Pick<Config, "keyBlocklist">, store: Store): KeyAdmission {
  const examiner = createKeyExaminer(createIsPublished(keyBlocklist));
  return {
    admitKey: createAdmitKey(examiner, store),
    storedKeyExaminer: createStoredKeyExaminer(examiner, store.keys),
  };
}

/** Examines the keys of an import in threads, one for each processor. */
export function openAdmitKeys(
  { keyBlocklist }: Pick<Config, "keyBlocklist">,
  store: Store,
): { readonly admitKeys: AdmitKeys; close(): Promise<void> } {
  const pool = createKeyExaminerPool(keyBlocklist, Math.min(EXAMINER_THREADS_MAX, availableParallelism()));
  return { admitKeys: createKeyGate(pool, store).admitKeys, close: () => pool.close() };
}
