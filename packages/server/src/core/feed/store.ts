import type { AccountId } from "../accounts/model.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { AuditEvent, UnchainedEvent } from "./audit-chain.ts";

/** A place in the change feed. */
export type FeedPosition = Pick<AuditEvent, "seq" | "hash">;

export interface EventFilter {
  /** Only events about this account, its users, keys and tokens. */
  readonly accountId?: AccountId | undefined;
  readonly actor?: string | undefined;
  /** Any part of the actor's name, in either case. */
  readonly actorPart?: string | undefined;
  readonly subject?: string | undefined;
  /** An action, or its beginning up to the dot, such as `key`. */
  readonly action?: string | undefined;
  /** Milliseconds since the epoch; inclusive, and exclusive. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** Reads the audit log, which is the change feed, outside of transactions. */
export interface EventStore {
  /** Events with a `seq` greater than the given one, in order, at most `limit`. */
  after(seq: number, limit: number): Promise<readonly AuditEvent[]>;
  /** The last event's position; `seq` 0 and the chain's start if there is none. */
  last(): Promise<FeedPosition>;
  /** Newest first; the page key is `[seq]`. */
  page(filter: EventFilter, page: PageRequest): Promise<Page<AuditEvent>>;
}

/** Reads and writes the audit log in a transaction. */
export interface EventTransaction {
  /** Appends an event, chained to the last one. Within a store, `seq` follows commit order, without gaps. */
  append(event: UnchainedEvent): Promise<AuditEvent>;
  /** Appends many events, in order, in a few statements; the chain is the same as if they were appended one by one. */
  appendAll(events: readonly UnchainedEvent[]): Promise<void>;
  /** The last event's position, with those that this transaction has appended. */
  last(): Promise<FeedPosition>;
}
