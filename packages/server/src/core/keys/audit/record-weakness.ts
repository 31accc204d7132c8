import type { AccountId } from "../../accounts/model.ts";
import type { ChangeTx } from "../../change/change-tx.ts";
import { changeKey } from "../changes.ts";
import type { KeyId, PublicKey, Weakness } from "../model.ts";
import type { WeakKeyPolicy } from "./weak-key-policy.ts";

/** A weak key. */
export interface WeakKey {
  /** As it is after the finding was recorded. */
  readonly key: PublicKey;
  readonly weakness: Weakness;
  /** Was this weakness not known before? */
  readonly isNew: boolean;
  /** Did this finding deactivate the key? */
  readonly isDeactivated: boolean;
}

/**
 * Records the weakness of a stored key, or that it has none any more. An event `key.found_weak` tells of a weakness that wasn't known
 * before. By the policy `deactivate`, a weak key that is active is deactivated, whether the weakness is new or not.
 *
 * @returns `undefined` if the key isn't weak, or was revoked in the meantime
 */
export async function recordWeakness(
  tx: ChangeTx,
  keyId: KeyId,
  weakness: Weakness | null,
  policy: WeakKeyPolicy,
): Promise<WeakKey | undefined> {
  const key = await tx.keys.find(keyId);
  if (key === undefined || key.status === "revoked") return undefined;
  const isNew = weakness !== key.weakness;
  if (isNew) await tx.keyAudit.setWeakness(keyId, weakness);
  if (weakness === null) return undefined;
  if (isNew) {
    const { username, fingerprint } = key;
    const accountId = await accountOf(tx, key);
    await tx.append({ action: "key.found_weak", keyId, username, fingerprint, accountId, weakness });
  }
  const isDeactivated = policy === "deactivate" && key.status === "active";
  if (isDeactivated) await changeKey(tx, keyId, { status: "deactivated" });
  const status = isDeactivated ? "deactivated" : key.status;
  return { key: { ...key, weakness, status }, weakness, isNew, isDeactivated };
}

async function accountOf({ users }: ChangeTx, { username }: PublicKey): Promise<AccountId | undefined> {
  return (await users.find(username))?.accountId;
}
