/**
 * Follows the change feed for one process: it reads new events, passes them to the listeners, and knows how long ago that was
 * last done. It keeps nothing else of what the events say; each listener keeps its own.
 */
import type { FeedPosition } from "./store.ts";
import type { Store } from "../store/store.ts";
import { isStoreBroken } from "../store/store-broken.ts";
import { type Clock, elapsedMs, momentOf } from "../surroundings.ts";
import type { AuditEvent } from "./audit-chain.ts";
import { fromRow, type RecordedEvent } from "./event.ts";

/** What was learned from the feed is trusted for this long after the feed was last confirmed, inclusive; in milliseconds. */
export const STALENESS_MS_MAX = 5000;

/** How many events are read at once. */
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
   * Everything that was learned from events is void.
   *
   * @param position the store's last event now; the events after it are delivered next
   */
  onReset(position: FeedPosition): void;
}

/** Reads the change feed and tells its listeners. */
export interface FeedFollower {
  /** Reads the feed to its end. When it resolves, every listener has taken in every event that was committed before the call. */
  catchUp(): Promise<void>;
  /** As {@link catchUp}, but costs next to nothing if no other process has committed anything. */
  poll(): Promise<void>;
  /** Was the feed confirmed within {@link STALENESS_MS_MAX}? If not, nothing that came from it may be answered from memory. */
  isFresh(): boolean;
  /**
   * How long ago the feed was confirmed to be read to its end, in milliseconds, including the time the machine has slept.
   * Infinite while a listener hasn't taken in what it was told, or the store is broken.
   */
  confirmedMsAgo(): number;
  /** The `seq` up to which every listener has taken in every event. */
  position(): number;
  /** The last event that every listener has taken in. */
  head(): FeedPosition;
  /** The store's events with `seq` greater than the given one, in order, at most `limit`; listeners may not have heard them. */
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
  /** The feed was read to its end after the store had this marker. */
  let marker = await store.changeMarker();
  let { seq, hash } = await store.events.last();
  /** A reading began and hasn't succeeded. SQLite's marker doesn't move for changes of this process, so it can't tell. */
  let mustRead = false;
  /** Nothing in memory counts, however new it is: a listener failed, or the store isn't the one that was read before. */
  let isVoid = false;
  /** The last reading that was asked for, whether it succeeded or not. */
  let lastReading: Promise<void> = Promise.resolve();

  function confirmedMsAgo(): number {
    return isVoid ? Number.POSITIVE_INFINITY : elapsedMs(clock, confirmedAt);
  }

  /** Tells every listener, even if one of them fails. */
  function tellAll(tell: (listener: FeedListener) => void): void {
    const failures: unknown[] = [];
    for (const listener of listeners) {
      try {
        tell(listener);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) return;
    isVoid = true;
    throw new Error("a listener of the change feed failed", { cause: failures[0] });
  }

  /** @param markerBefore the store's marker, taken before the call */
  async function readFeed(markerBefore: string | undefined): Promise<void> {
    // Taken before the reading: what commits during it counts as not yet confirmed.
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
      tellAll((listener) => {
        listener.onEvents(feedEvents);
      });
      // Only now: an event that a listener failed on is delivered again.
      ({ seq, hash } = last);
    }
    confirmedAt = startedAt;
    mustRead = false;
    if (markerBefore !== undefined) marker = markerBefore;
  }

  /** The events after the last one that was delivered; `undefined` if the store doesn't have that one any more. */
  async function readNewEvents(): Promise<readonly AuditEvent[] | undefined> {
    if (seq === 0) return store.events.after(0, EVENTS_PER_READ);
    const [known, ...events] = await store.events.after(seq - 1, EVENTS_PER_READ + 1);
    return known?.seq === seq && known.hash === hash ? events : undefined;
  }

  /** If any step fails, the next reading finds the same gap and resets again. */
  async function reset(): Promise<void> {
    const last = await store.events.last();
    for (const listener of listeners) await listener.prepareReset?.();
    tellAll((listener) => {
      listener.onReset(last);
    });
    ({ seq, hash } = last);
  }

  async function noticeBroken(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      isVoid = false;
    } catch (error) {
      if (isStoreBroken(error)) isVoid = true;
      throw error;
    }
  }

  /** Readings run one after the other: one that is under way may have passed the place of a caller's change. */
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
        // What was missed while the store was broken comes with a reading.
        if (mustRead || isVoid || nowMarker !== marker) await read(nowMarker);
        // A reading may have begun and ended meanwhile.
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
