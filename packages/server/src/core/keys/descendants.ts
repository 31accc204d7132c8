import type { ChangeTx } from "../change/change-tx.ts";
import { isExpired } from "../expiry.ts";
import { fieldRefusal } from "../refusal.ts";
import { changeKey, type KeyPatch } from "./changes.ts";
import type { KeyId, PublicKey } from "./model.ts";

/** What was done to a key and to the keys that it rotated in. */
export interface ChangedWithDescendants {
  readonly key: PublicKey;
  /** The descendants that were changed, in the order of their ids. */
  readonly changed: readonly PublicKey[];
  /** If it was deactivated or revoked: the descendants that can still be used, in the order of their ids. */
  readonly live: readonly PublicKey[];
}

/**
 * Changes a key ({@link changeKey}). If that deactivates or revokes it, the same may be done to every key that was rotated in by it,
 * directly or by others: so a thief who has rotated loses the new keys with the stolen one. Changes run one after the other, and a
 * rotation checks its signing key in its own, so each rotation is either among the descendants or is refused.
 *
 * @param withDescendants otherwise the descendants stay as they are
 * @throws {Refusal} as {@link changeKey}; `field_invalid` for descendants without one of these two statuses
 */
export async function changeKeyAndDescendants(
  tx: ChangeTx,
  keyId: KeyId,
  patch: KeyPatch,
  withDescendants: boolean,
): Promise<ChangedWithDescendants> {
  const { status } = patch;
  const isStop = status === "deactivated" || status === "revoked";
  if (withDescendants && !isStop) {
    const message = "Only deactivating or revoking a key can be done to the keys that it rotated in, too.";
    throw fieldRefusal("field_invalid", message, "with_descendants");
  }
  const key = await changeKey(tx, keyId, patch);
  if (!isStop) return { key, changed: [], live: [] };
  const descendants = await tx.keys.listDescendants(keyId);
  if (!withDescendants) return { key, changed: [], live: liveKeys(descendants, tx.nowMs) };
  const changed: PublicKey[] = [];
  for (const { id, status: before } of descendants) {
    if (before !== "revoked" && before !== status) changed.push(await changeKey(tx, id, { status }));
  }
  return { key, changed, live: [] };
}

/** The keys that are active and haven't expired. */
export function liveKeys(keys: readonly PublicKey[], nowMs: number): readonly PublicKey[] {
  return keys.filter((key) => key.status === "active" && !isExpired(key, nowMs));
}

/** The note for an operator that a stopped key has descendants that can still be used. */
export function liveDescendantsMessage(keyId: KeyId, live: readonly Pick<PublicKey, "id">[]): string {
  const ids = live.map(({ id }) => id).join(", ");
  return live.length === 1
    ? `Key ${ids}, which was rotated in by key ${keyId}, is still active.`
    : `${live.length} keys that were rotated in by key ${keyId} are still active: ${ids}.`;
}
