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
  /** Nothing where nothing is remembered. */
  read(): StorePosition | undefined;
  /** Durable when it resolves. */
  write(position: StorePosition): Promise<void>;
}

/**
 * Remembers where the store is now. A store that isn't what is remembered changes nothing: what was lost must not be
 * forgotten before an operator accepts that.
 */
export async function rememberPosition(store: RememberedStore, memory: PositionMemory): Promise<void> {
  const remembered = memory.read();
  if (remembered !== undefined && (await findRestoration(store, remembered)) !== undefined) return;
  const position = await readStorePosition(store);
  // Another process may have been quicker.
  if (remembered?.storeId === position.storeId && lastSeq(remembered) >= lastSeq(position)) return;
  await writePosition(store, memory, position);
}

/**
 * Writes a position, and notes in a SQLite store that there is one: a file that turns up without it is a copy. Nodes on
 * PostgreSQL each remember by themselves, and a new one remembers nothing.
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
 * Goes on with a store that lost events under a node that serves, as when a standby that was behind takes over: the ids that
 * were given by what was lost aren't given again, and the store as it is now is what is remembered.
 *
 * @returns what was lost; nothing where the store has all that is remembered
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
  /** The store lost these events while it was open, and this node goes on without them. */
  readonly onLost: (lost: Restoration) => void;
  /** What the store lost couldn't be found out. */
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
