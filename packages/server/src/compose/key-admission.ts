import type { Config } from "../config/config.ts";
import { type AdmitKey, createAdmitKey } from "../core/keys/admit-key.ts";
import type { StoredKeyExaminer } from "../core/keys/audit/audit-keys.ts";
import { createStoredKeyExaminer } from "../core/keys/audit/stored-key-examiner.ts";
import { createKeyExaminer } from "../core/keys/weakness/key-examiner.ts";
import type { Store } from "../core/store/store.ts";
import { createIsPublished } from "../platform/key-blocklist.ts";

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
