/**
 * Follows the change feed for one process: it reads new events, passes them to the listeners, and knows how long ago the feed was
 * last confirmed. It keeps no state derived from events; each listener keeps its own.
 */
import type { FeedPosition } from "./store.ts";
import type { Store } from "../store/store.ts";
import { isStoreBroken } from "../store/store-broken.ts";
import { type Clock, elapsedMs, momentOf } from "../surroundings.ts";
import type { AuditEvent } from "./audit-chain.ts";
import { fromRow, type RecordedEvent } from "./event.ts";

/** How long after the last confirmation the process trusts what it learned from the feed, in milliseconds, inclusive. */
export const STALENESS_MS_MAX = 5000;

/** How many events are read in one query. */
const EVENTS_PER_READ = 500;

/** An event with its place in the feed. */
export interface FeedEvent extends FeedPosition {
  readonly event: RecordedEvent;
}

/**
 * A part of the process that keeps something of the store in memory, and updates it by the change feed.
 *
 * Every listener gets every event, in order and at least once. If one listener throws, all of them get the same events again
 * with the next reading, and until that succeeds the feed isn't confirmed.
 */
export interface FeedListener {
  /** An event `unknown` was written by another version: the listener must assume that it changed anything. */
  onEvents(events: readonly FeedEvent[]): void;
  /** Reads from the store what {@link onReset} needs. If it rejects, no listener is reset before the next reading. */
  prepareReset?(): Promise<void>;
  /**
   * The store has lost events that were delivered, as when a backup is restored or a standby that was behind takes over.
   * Everything that was learned from events is invalid.
   *
   * @param position the store's last event now; the events after it are delivered next
   */
  onReset(position: FeedPosition): void;
}

/** Reads the change feed and notifies its listeners. */
export interface FeedFollower {
  /** Reads the feed to its end. When it resolves, every listener has taken in every event that was committed before the call. */
  catchUp(): Promise<void>;
  /** Like {@link catchUp}, but very cheap if no other process has committed anything. */
  poll(): Promise<void>;
  /** Was the feed confirmed within {@link STALENESS_MS_MAX}? If not, nothing that came from it may be answered from memory. */
  isFresh(): boolean;
  /**
   * How long ago the feed was confirmed to be read to its end, in milliseconds, including the time the machine has slept.
   * Infinite after a listener has failed, until it succeeds, and while the store is broken.
   */
  confirmedMsAgo(): number;
  /** The `seq` up to which every listener has processed every event. */
  position(): number;
  /** The last event that every listener has processed. */
  head(): FeedPosition;
  /** The store's events with a `seq` greater than the given one, in order, at most `limit`. Listeners may not have received them. */
  eventsAfter(seq: number, limit: number): Promise<readonly FeedEvent[]>;
  /**
   * Adds a listener, which gets the events after {@link head}.
   *
   * @returns removes it
   */
  subscribe(listener: FeedListener): () => void;
}

/** Follows the feed from the store's last event on. It reads only when asked to. */
export async function followFeed(store: Pick<Store, "changeMarker" | "events">, clock: Clock): Promise<FeedFollower> {
  const listeners = new Set<FeedListener>();
  let confirmedAt = momentOf(clock);
  /** The store's marker before the feed was last read to its end. */
  let marker = await store.changeMarker();
  let { seq, hash } = await store.events.last();
  /** Has a read begun that hasn't succeeded? The marker can't tell, because SQLite's doesn't change with this process's own changes. */
  let mustRead = false;
  /** Is everything in memory invalid, however recent? It is if a listener failed, or the store isn't the one that was read before. */
  let isInvalid = false;
  /** The last read, whether it succeeded or not. */
  let lastReading: Promise<void> = Promise.resolve();

  function confirmedMsAgo(): number {
    return isInvalid ? Number.POSITIVE_INFINITY : elapsedMs(clock, confirmedAt);
  }

  /** Notifies every listener, even if one of them fails. */
  function notifyAll(notify: (listener: FeedListener) => void): void {
    const failures: unknown[] = [];
    for (const listener of listeners) {
      try {
        notify(listener);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) return;
    isInvalid = true;
    throw new Error("a listener of the change feed failed", { cause: failures[0] });
  }

  /** @param markerBefore the store's marker, taken before the call */
  async function readFeed(markerBefore: string | undefined): Promise<void> {
    // Taken before the read: changes committed during the read may not be confirmed by it.
    const startedAt = momentOf(clock);
    mustRead = true;
    for (;;) {
      const events = await readNewEvents();
      if (events === undefined) {
        await reset();
        continue;
      }
      const last = events.at(-1);
      if (last === undefined) break;
      const feedEvents = events.map(feedEvent);
      notifyAll((listener) => {
        listener.onEvents(feedEvents);
      });
      // Advance only now, so that events on which a listener failed are delivered again.
      ({ seq, hash } = last);
    }
    confirmedAt = startedAt;
    mustRead = false;
    if (markerBefore !== undefined) marker = markerBefore;
  }

  /** The events after the last delivered one; `undefined` if the store no longer has that one. */
  async function readNewEvents(): Promise<readonly AuditEvent[] | undefined> {
    if (seq === 0) return store.events.after(0, EVENTS_PER_READ);
    const [known, ...events] = await store.events.after(seq - 1, EVENTS_PER_READ + 1);
    return known?.seq === seq && known.hash === hash ? events : undefined;
  }

  /** If a step fails, the next read finds the same gap and resets again. */
  async function reset(): Promise<void> {
    const last = await store.events.last();
    for (const listener of listeners) await listener.prepareReset?.();
    notifyAll((listener) => {
      listener.onReset(last);
    });
    ({ seq, hash } = last);
  }

  async function noticeBroken(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      isInvalid = false;
    } catch (error) {
      if (isStoreBroken(error)) isInvalid = true;
      throw error;
    }
  }

  /** Reads run one after the other: a pending read may already be past the position of the caller's change. */
  async function read(markerBefore?: string): Promise<void> {
    const reading = lastReading.then(() => noticeBroken(() => readFeed(markerBefore)));
    lastReading = reading.catch(() => undefined);
    await reading;
  }

  return {
    catchUp: () => read(),
    poll: () =>
      noticeBroken(async () => {
        const startedAt = momentOf(clock);
        const nowMarker = await store.changeMarker();
        // A read delivers what was missed while the store was broken.
        if (mustRead || isInvalid || nowMarker !== marker) await read(nowMarker);
        // Another read may have confirmed the feed later than this poll began.
        else if (startedAt.monotonicMs >= confirmedAt.monotonicMs) confirmedAt = startedAt;
      }),
    isFresh: () => confirmedMsAgo() <= STALENESS_MS_MAX,
    confirmedMsAgo,
    position: () => seq,
    head: () => ({ seq, hash }),
    eventsAfter: async (after, limit) => (await store.events.after(after, limit)).map(feedEvent),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function feedEvent(row: AuditEvent): FeedEvent {
  return { seq: row.seq, hash: row.hash, event: fromRow(row) };
}
