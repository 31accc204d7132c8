/**
 * Finds out whether a store is the one that was served last, or an older copy. A store can't tell by itself, since a restored
 * backup looks like any other store. So its position is remembered outside it, and compared when the store is opened.
 */
import type { HighestIds, Store } from "../store/store.ts";
import { OperatorError } from "../operator-error.ts";

/** How many of the last events are remembered one by one, to name what a restoration undid. */
export const REMEMBERED_EVENTS = 100;

/** What is remembered of an event. */
export interface RememberedEvent {
  readonly seq: number;
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly action: string;
  readonly subject: string;
}

/** A store's position: which store it is, the end of its audit log, and the highest ids that it has given. */
export interface StorePosition {
  readonly storeId: string;
  readonly ids: HighestIds;
  /** The last events, at most {@link REMEMBERED_EVENTS}, oldest first. */
  readonly events: readonly RememberedEvent[];
}

/** The part of a store that its position is read from. */
export type PositionSource = Pick<Store, "storeIdentity" | "events" | "highestIds">;

/** Reads a store's present position. It may lack changes that are made meanwhile. */
export async function readStorePosition(store: PositionSource): Promise<StorePosition> {
  const { id: storeId } = await store.storeIdentity();
  const { seq } = await store.events.last();
  const events = await store.events.after(Math.max(0, seq - REMEMBERED_EVENTS), REMEMBERED_EVENTS);
  // Read last: an id that is too high does no harm, but one that is too low could be given again.
  const ids = await store.highestIds();
  return {
    storeId,
    ids,
    events: events.map(({ seq: number, hash, atMs, action, subject }) => ({
      seq: number,
      hash,
      atMs,
      action,
      subject,
    })),
  };
}

/** The `seq` of a position's last event; 0 if it has none. */
export function lastSeq({ events }: StorePosition): number {
  return events.at(-1)?.seq ?? 0;
}

/** How a store differs from what it was when it was served last. */
export interface Restoration {
  /**
   * - `backup`: it was written by the backup command.
   * - `older`: it lacks events that are remembered.
   * - `other`: another store is remembered.
   * - `forgotten`: its position was remembered once, and is missing now.
   */
  readonly kind: "backup" | "older" | "other" | "forgotten";
  /** The `seq` of the store's last event now. */
  readonly lastSeq: number;
  /** When the backup was made, in milliseconds since the epoch; `null` if that isn't known. */
  readonly backupAtMs: number | null;
  /** The `seq` of the last event that is remembered; 0 if nothing is. */
  readonly rememberedSeq: number;
  /** Remembered events that the store lacks, oldest first. Events before them may be undone, too. */
  readonly undone: readonly RememberedEvent[];
}

/**
 * Compares a store with what is remembered of it.
 *
 * @param remembered `undefined` when the store is opened for the first time
 * @returns `undefined` if the store continues what is remembered
 */
export async function findRestoration(
  store: PositionSource,
  remembered: StorePosition | undefined,
): Promise<Restoration | undefined> {
  const { id, previousId, backupAtMs, isRemembered } = await store.storeIdentity();
  const { seq } = await store.events.last();
  const found = { lastSeq: seq, backupAtMs, rememberedSeq: remembered === undefined ? 0 : lastSeq(remembered) };
  if (remembered === undefined) {
    if (backupAtMs !== null) return { ...found, kind: "backup", undone: [] };
    return isRemembered ? { ...found, kind: "forgotten", undone: [] } : undefined;
  }
  if (remembered.storeId !== id) {
    // It was accepted on another node, which gave it a new id.
    return remembered.storeId === previousId ? undefined : { ...found, kind: "other", undone: [] };
  }
  // A backup that has everything that is remembered lost nothing.
  const undone = await findUndone(store, remembered);
  return undone.length > 0 ? { ...found, kind: "older", undone } : undefined;
}

async function findUndone(store: PositionSource, { events }: StorePosition): Promise<readonly RememberedEvent[]> {
  const [first] = events;
  if (first === undefined) return [];
  const there = new Map(
    (await store.events.after(first.seq - 1, REMEMBERED_EVENTS)).map(({ seq, hash }) => [seq, hash]),
  );
  return events.filter(({ seq, hash }) => there.get(seq) !== hash);
}

/** How many events a message names. */
const NAMED_MAX = 5;

/** @throws {OperatorError} if the store isn't what is remembered */
export async function requireUnrestored(store: PositionSource, remembered: StorePosition | undefined): Promise<void> {
  const restoration = await findRestoration(store, remembered);
  if (restoration !== undefined) throw new OperatorError(restorationMessage(restoration));
}

/** What happened to the store and what was undone, in one sentence. */
export function describeRestoration({ kind, lastSeq: seq, backupAtMs, undone }: Restoration): string {
  const end = seq === 0 ? "it has no events" : `it ends at event ${seq}`;
  switch (kind) {
    case "other":
      return `the store isn't the one that was served from here (${end})`;
    case "older":
      return `the store was restored: ${end}, and ${describeUndone(undone)}`;
    case "backup":
      return `the store is a backup of ${time(backupAtMs ?? 0)}: ${end}, and whatever was changed after that is undone`;
    case "forgotten":
      return `the store came without its countersign.position, so it may be an older copy (${end})`;
    default:
      throw new Error("a restoration is of no known kind");
  }
}

/** What an operator can do instead of accepting the store, which ends every token. */
const CHOICES: Readonly<Record<Restoration["kind"], string>> = {
  backup: "Put the newer store back",
  older: "Put the newer store back",
  other:
    "If both are in use, give this one a data folder of its own (COUNTERSIGN_DATA_DIR, --data-dir). Otherwise put the right store back",
  forgotten: "Bring countersign.position along from the folder that the store was served from",
};

function restorationMessage(restoration: Restoration): string {
  return (
    `${describeRestoration(restoration)}. ${CHOICES[restoration.kind]}, or accept this one: countersign store accept ends every token ` +
    "that was minted so far, gives no id twice, and lists what to do again (docs/operations.md, Backup and restore)"
  );
}

function describeUndone(undone: readonly RememberedEvent[]): string {
  const named = undone
    .slice(-NAMED_MAX)
    .map(({ seq, action, subject, atMs }) => `${seq} ${action} ${subject} (${time(atMs)})`);
  const more = undone.length - named.length;
  return `${undone.length === 1 ? "an event is" : `${undone.length} events are`} undone: ${more > 0 ? `${more} earlier ones, ` : ""}${named.join(", ")}`;
}

function time(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** What opening a store may do. Everything is off unless given. */
export interface StoreOpening {
  /** Whether a missing store is created. */
  readonly mayCreate?: boolean;
  /** Whether an empty store is created although one was served from here and its database is missing. */
  readonly isNewStore?: boolean;
  /** Whether the store is searched for damaged pages. */
  readonly isChecked?: boolean;
  /** Whether a store is opened that was restored and not accepted. */
  readonly mayBeRestored?: boolean;
}
