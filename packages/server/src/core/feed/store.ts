import type { AccountId } from "../accounts/model.ts";
import type { Page, PageRequest } from "../store/page.ts";
import type { AuditEvent, UnchainedEvent } from "./audit-chain.ts";

/** A place in the change feed. */
export type FeedPosition = Pick<AuditEvent, "seq" | "hash">;

export interface EventFilter {
  /** Events about this account, its users, keys and tokens alone. */
  readonly accountId?: AccountId | undefined;
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  /** An action, or its beginning up to the dot, such as `key`. */
  readonly action?: string | undefined;
  /** Milliseconds since the epoch; inclusive, and exclusive. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** The audit log, which is the change feed, as the store reads it outside of changes. */
export interface EventStore {
  /** Events with `seq` greater than the given one, in their order, at most `limit`. */
  after(seq: number, limit: number): Promise<readonly AuditEvent[]>;
  /** The last event; `seq` 0 and the chain's start where there is none. */
  last(): Promise<FeedPosition>;
  /** Key `[seq]`; the newest first. */
  page(filter: EventFilter, page: PageRequest): Promise<Page<AuditEvent>>;
}

/** The audit log within a change. */
export interface EventTransaction {
  /** Appends the event behind the last one, chained to it. In one store, `seq` is commit order without gaps. */
  append(event: UnchainedEvent): Promise<AuditEvent>;
}
