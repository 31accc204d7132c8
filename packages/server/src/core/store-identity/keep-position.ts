import { coalesce } from "../coalesce.ts";
import type { FeedListener } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import {
  findRestoration,
  lastSeq,
  type PositionSource,
  readStorePosition,
  type Restoration,
  type StorePosition,
} from "./position.ts";

/** A store whose position is remembered. */
type RememberedStore = PositionSource & Pick<Store, "engine" | "noteRemembered">;

/** Where a position is remembered, beside the store and not in it. */
export interface PositionMemory {
  /** `undefined` if nothing is remembered. */
  read(): StorePosition | undefined;
  /** The position is durable when this resolves. */
  write(position: StorePosition): Promise<void>;
}

/**
 * Remembers the store's present position. If the store isn't the one that is remembered, nothing is written: the record of what
 * was lost must stay until an operator accepts the store.
 */
export async function rememberPosition(store: RememberedStore, memory: PositionMemory): Promise<void> {
  const remembered = memory.read();
  if (remembered !== undefined && (await findRestoration(store, remembered)) !== undefined) return;
  const position = await readStorePosition(store);
  // Another process may have written a later one.
  if (remembered?.storeId === position.storeId && lastSeq(remembered) >= lastSeq(position)) return;
  await writePosition(store, memory, position);
}

/**
 * Writes a position, and notes in a SQLite store that it exists: a database file that is found without its position is a copy.
 * On PostgreSQL each node remembers for itself, and a new node remembers nothing.
 */
export async function writePosition(
  store: RememberedStore,
  memory: PositionMemory,
  position: StorePosition,
): Promise<void> {
  await memory.write(position);
  if (store.engine === "sqlite" && !(await store.storeIdentity()).isRemembered) await store.noteRemembered();
}

/**
 * Continues with a store that lost events while this node serves, as when a standby that was behind takes over. Ids from the lost
 * events aren't reused, and the store's current position is remembered.
 *
 * @returns what was lost; `undefined` if the store has everything that is remembered
 */
export async function goOnAfterLoss(
  store: RememberedStore & Pick<Store, "transaction">,
  memory: PositionMemory,
): Promise<Restoration | undefined> {
  const remembered = memory.read();
  if (remembered === undefined) return undefined;
  const lost = await findRestoration(store, remembered);
  if (lost === undefined) return undefined;
  await store.transaction((transaction) => transaction.raiseIds(remembered.ids));
  await writePosition(store, memory, await readStorePosition(store));
  return lost;
}

/** What a {@link createPositionKeeper} reports to operators. */
export interface PositionReports {
  /** The position couldn't be written; the next event tries again. */
  readonly onUnwritten: (error: unknown) => void;
  /** The store lost these events while it was open, and this node continues without them. */
  readonly onLost: (lost: Restoration) => void;
  /** The lost events couldn't be determined. */
  readonly onUnknownLoss: (error: unknown) => void;
}

/**
 * Makes the listener of the change feed that keeps the remembered position up to date. After a reset, a store that has
 * {@link Store.giveUp} is given up, and with any other this node goes on as {@link goOnAfterLoss} says.
 */
export function createPositionKeeper(
  store: RememberedStore & Pick<Store, "transaction" | "giveUp">,
  memory: PositionMemory,
  { onUnwritten, onLost, onUnknownLoss }: PositionReports,
): FeedListener {
  const remember = coalesce(() => rememberPosition(store, memory), onUnwritten);
  const goOn = coalesce(async () => {
    const lost = await goOnAfterLoss(store, memory);
    if (lost !== undefined) onLost(lost);
  }, onUnknownLoss);
  return {
    onEvents: remember,
    onReset() {
      if (store.giveUp === undefined) goOn();
      else store.giveUp("it lost events while it was open, as when a backup is restored; restart the service");
    },
  };
}
