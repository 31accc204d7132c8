import type { RegistryStore } from "../registry/store.ts";
import {
  findRestoration,
  lastSeq,
  type PositionSource,
  readStorePosition,
  type Restoration,
  type StorePosition,
} from "./position.ts";

/** Where a position is remembered, beside the store and not in it. */
export interface PositionMemory {
  /** Nothing where nothing is remembered. */
  read(): StorePosition | undefined;
  /** Durable when it resolves. */
  write(position: StorePosition): Promise<void>;
}

/**
 * Remembers where the store is now. A store that isn't what is remembered changes nothing: what was lost must not be
 * forgotten before an operator accepts that.
 */
export async function rememberPosition(store: PositionSource, memory: PositionMemory): Promise<void> {
  const remembered = memory.read();
  if (remembered !== undefined && (await findRestoration(store, remembered)) !== undefined) return;
  const position = await readStorePosition(store);
  // Another process may have been quicker.
  if (remembered?.storeId === position.storeId && lastSeq(remembered) >= lastSeq(position)) return;
  await memory.write(position);
}

/**
 * Goes on with a store that lost events under a node that serves, as when a standby that was behind takes over: the ids that
 * were given by what was lost aren't given again, and the store as it is now is what is remembered.
 *
 * @returns what was lost; nothing where the store has all that is remembered
 */
export async function goOnAfterLoss(
  store: PositionSource & Pick<RegistryStore, "transaction">,
  memory: PositionMemory,
): Promise<Restoration | undefined> {
  const remembered = memory.read();
  if (remembered === undefined) return undefined;
  const lost = await findRestoration(store, remembered);
  if (lost === undefined) return undefined;
  await store.transaction((transaction) => transaction.raiseIds(remembered.ids));
  await memory.write(await readStorePosition(store));
  return lost;
}
