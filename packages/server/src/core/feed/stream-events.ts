import { OperatorError } from "../operator-error.ts";
import { Refusal } from "../refusal.ts";
import { isStoreBroken } from "../store/store-broken.ts";
import type { ChangeWatch, StoreIdentity } from "../store/store.ts";
import type { Pause } from "../surroundings.ts";
import { type AuditEvent, CHAIN_START, findChainBreak } from "./audit-chain.ts";
import type { EventStore, FeedPosition } from "./store.ts";

/** How many events a receiver gets at once, and therefore the most that it can get twice after a crash. */
export const EVENTS_PER_DELIVERY = 100;

/** How often the store is asked for new events, in milliseconds; a store that reports changes wakes the stream earlier. */
const POLL_MS = 1000;

/** The pauses after a failure, in milliseconds: the first, and the longest. */
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 60_000;

/** The last event that a receiver has got, and of which store. */
export interface StreamPosition extends FeedPosition {
  readonly storeId: string;
}

/** Where a stream's position is kept. */
export interface StreamMemory {
  /** `undefined` if there is none yet. */
  read(): Promise<StreamPosition | undefined>;
  /** The position is durable when this resolves. */
  write(position: StreamPosition): Promise<void>;
}

/** Gets events for another system. */
export interface EventReceiver {
  /** Resolves when the receiver has got all of them, in order. If it rejects, it may have got some; it gets all of them again. */
  send(events: readonly AuditEvent[]): Promise<void>;
  close(): Promise<void>;
}

/** The log that is passed on: a store's, or that of a server. What rejects with `unavailable` is asked again. */
export interface EventSource {
  readonly events: Pick<EventStore, "after" | "last">;
  storeIdentity(): Promise<Pick<StoreIdentity, "id" | "previousId">>;
  watchChanges(onChange: () => void): Pick<ChangeWatch, "stop">;
}

export interface EventStreamOptions {
  readonly store: EventSource;
  readonly memory: StreamMemory;
  readonly receiver: EventReceiver;
  /** Where to begin if there is no position: after the last event, or with the event of this number. */
  readonly from: "now" | number;
  readonly pause: Pause;
  /** Ends the stream after the delivery in progress. */
  readonly signal: AbortSignal;
  /** Called when something fails that is tried again, once until it works again. */
  readonly onProblem: (error: unknown) => void;
  /** Called when it works again. */
  readonly onRecovered: () => void;
}

/**
 * Passes every event on to a receiver, in order and at least once, until the signal is aborted. The position is written after the
 * receiver has got the events. What fails is tried again for as long as it takes.
 *
 * @throws {OperatorError} if the store doesn't continue what the receiver got: it was restored, replaced or altered
 */
export async function streamEvents(options: EventStreamOptions): Promise<void> {
  const { store, memory, receiver, pause, signal, onProblem, onRecovered } = options;
  let position: StreamPosition | undefined;
  let isWritten = true;
  let failures = 0;
  let changed = new AbortController();
  const watch = store.watchChanges(() => {
    changed.abort();
  });

  async function step(): Promise<void> {
    position ??= await findStart(options);
    if (!isWritten) await memory.write(position);
    isWritten = true;
    changed = new AbortController();
    const events = await readNext(store, position);
    const last = events.at(-1);
    if (last !== undefined) {
      await receiver.send(events);
      position = { storeId: position.storeId, seq: last.seq, hash: last.hash };
      isWritten = false;
      await memory.write(position);
      isWritten = true;
    }
    if (failures > 0) onRecovered();
    failures = 0;
    if (last === undefined) await pause(POLL_MS, AbortSignal.any([signal, changed.signal]));
  }

  try {
    while (!signal.aborted) {
      try {
        await step();
      } catch (error) {
        if (!isTemporary(error)) throw error;
        if (failures === 0) onProblem(error);
        await pause(Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures++), signal);
      }
    }
  } finally {
    await watch.stop();
    await receiver.close();
  }
}

/** A store or a receiver that can't be reached now. Node's errors of files and connections have a code. */
function isTemporary(error: unknown): boolean {
  if (error instanceof OperatorError || isStoreBroken(error)) return false;
  if (error instanceof Refusal) return error.code === "unavailable";
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

async function findStart({ store, memory, from }: EventStreamOptions): Promise<StreamPosition> {
  const remembered = await memory.read();
  const { id: storeId, previousId } = await store.storeIdentity();
  if (remembered === undefined) {
    const last = await store.events.last();
    if (from !== "now" && from > last.seq + 1) {
      throw new OperatorError(`There is no event ${from} yet; the last one is ${last.seq}.`);
    }
    const start = { storeId, ...(from === "now" ? last : await positionBefore(store, from)) };
    // At once, so that a start from now on loses no event if the process ends before the first one.
    await memory.write(start);
    return start;
  }
  if (remembered.storeId !== storeId && remembered.storeId !== previousId) {
    throw new OperatorError(
      `The position belongs to another store: ${remembered.storeId}, and this one is ${storeId}. Use another position file, or the right store.`,
    );
  }
  const there = await positionBefore(store, remembered.seq + 1);
  if (there.seq !== remembered.seq || there.hash !== remembered.hash) throw lost(remembered);
  return { ...remembered, storeId };
}

/** The place before an event; the place of the last one if there are fewer. */
async function positionBefore({ events }: EventSource, seq: number): Promise<FeedPosition> {
  if (seq <= 1) return { seq: 0, hash: CHAIN_START };
  const [event] = await events.after(seq - 2, 1);
  return event === undefined ? events.last() : { seq: event.seq, hash: event.hash };
}

/** The next events, after checking that they continue what the receiver has got. */
async function readNext({ events }: EventSource, position: StreamPosition): Promise<readonly AuditEvent[]> {
  const next = await events.after(position.seq, EVENTS_PER_DELIVERY);
  if (next.length === 0) {
    const last = await events.last();
    // An event may have come since the line above.
    if (last.seq < position.seq || (last.seq === position.seq && last.hash !== position.hash)) throw lost(position);
    return next;
  }
  const broken = findChainBreak(next, position);
  if (broken === undefined) return next;
  if (broken.seq === position.seq + 1) throw lost(position);
  throw new OperatorError(
    `The audit log is broken at event ${broken.seq}: ${broken.problem}. Nothing from there on was passed on; countersign audit verify shows more.`,
  );
}

function lost({ seq, hash }: FeedPosition): OperatorError {
  return new OperatorError(
    `The audit log doesn't continue event ${seq} (hash ${hash}), the last that was passed on: the store was restored or altered. To pass on what is there now, keep the position file as evidence and begin a new one (docs/audit-stream.md).`,
  );
}
