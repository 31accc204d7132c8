import type { ChangeTx } from "../change/change-tx.ts";
import { replaceSigningKeys } from "../signing-keys/changes.ts";
import type { Random } from "../surroundings.ts";
import type { StorePosition } from "./position.ts";

/** Length of a store's id in bytes. */
const STORE_ID_BYTES = 16;

/** What accepting a store did. */
export interface AcceptedStore {
  readonly storeId: string;
  /** The signing key that signs from now on. */
  readonly signingKey: number;
  /** Those whose tokens were ended. */
  readonly retired: readonly number[];
}

/**
 * Accepts a store as it is, such as one that was restored or whose master secret is lost. In one transaction with its events:
 * the store gets a new id, every signing key is retired, and a new one signs at once. No token of before is good from then on,
 * whatever its number: what is undone may have been the revocation of its key, and its ids may be given to others. Ids that
 * are remembered aren't given again all the same.
 *
 * @param masterSecret from which the new signing key derives
 * @param remembered the highest ids that the store had given, if that is known
 */
export async function acceptStore(
  tx: ChangeTx,
  random: Random,
  masterSecret: Buffer,
  remembered: StorePosition | undefined,
): Promise<AcceptedStore> {
  const storeId = random.bytes(STORE_ID_BYTES).toString("hex");
  await tx.renewStoreId(storeId);
  await tx.append({ action: "store.accepted", storeId });
  if (remembered !== undefined) await tx.raiseIds(remembered.ids);
  return { storeId, ...(await replaceSigningKeys(tx, masterSecret, remembered?.ids.signingKeys ?? 0)) };
}
