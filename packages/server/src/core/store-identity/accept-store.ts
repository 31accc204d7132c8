import type { ChangeTx } from "../change/change-tx.ts";
import { replaceSigningKeys } from "../signing-keys/changes.ts";
import type { Random } from "../surroundings.ts";
import type { StorePosition } from "./position.ts";

/** Length of a store's id in bytes. */
const STORE_ID_BYTES = 16;

/** The result of accepting a store. */
export interface AcceptedStore {
  readonly storeId: string;
  /** The signing key that signs from now on. */
  readonly signingKey: number;
  /** The signing keys whose tokens were ended. */
  readonly retired: readonly number[];
}

/**
 * Accepts a store as it is, such as one that was restored or whose master secret is lost. In one transaction with its events,
 * the store gets a new id, every signing key is retired, and a new one signs at once.
 *
 * From then on no earlier token is valid: the restoration may have undone the revocation of its key, and its ids may be given to
 * other users. Remembered ids aren't given again.
 *
 * @param masterSecret the secret that the new signing key derives from
 * @param remembered the store's last position, if it is known
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
