import type { Kysely, RawBuilder, Transaction, TransactionBuilder } from "kysely";
import type { ChangeWatch, Store } from "../core/store/store.ts";
import type { KeyUsageRecord } from "../core/keys/usage-store.ts";
import type { Database } from "./schema.ts";

/** Where statements go. */
export interface Connections {
  /** Never held up by a transaction under way elsewhere. */
  readonly reads: Kysely<Database>;
  /** Writes that are no changes of the registry: usage, used assertions, nodes. */
  readonly writes: Kysely<Database>;
  /** Changes, which come one after the other: however many of them wait, the others' connections are free. */
  readonly changes: Kysely<Database>;
}

/** What an engine does in its own way. */
export interface Engine {
  readonly name: Store["engine"];
  /** Does `for update skip locked` exist? Where it doesn't, there is one writer at a time anyway. */
  readonly hasSkipLocked: boolean;
  /** The database's wall clock, in whole milliseconds since the epoch. */
  readonly nowMs: RawBuilder<number>;
  readonly begin: (connections: Kysely<Database>) => TransactionBuilder<Database>;
  /** Is this what `begin` rejects with while another process has the lock that every write needs? */
  readonly isLocked: (error: unknown) => boolean;
  /** What keeps the database from working, in words; `undefined` for a statement's own fault. Never holds a path or a secret. */
  readonly problemOf: (error: unknown) => string | undefined;
  /** Has a commit that failed changed nothing? Not where its answer may have been lost on the way. */
  readonly knowsOutcome: boolean;
  /** How long a write may take until it commits, in milliseconds; 5 s unless given. */
  readonly writeMsMax?: number;
  /** Keeps other changes out until the transaction ends. */
  beginChange(transaction: Transaction<Database>): Promise<void>;
  /** The ids that are made from now on are greater than all that were made or inserted, and greater than `after`. */
  continueIds(transaction: Transaction<Database>, table: keyof Database, after?: number): Promise<void>;
  /** Wakes the other nodes once the transaction commits. */
  endChange(transaction: Transaction<Database>): Promise<void>;
  changeMarker(): Promise<string>;
  /** From now on everything rejects, for this reason. Only of an engine whose store no other node can repair. */
  giveUp?(problem: string): void;
  watchChanges(onChange: () => void): ChangeWatch;
  recordKeyUsage(usage: readonly KeyUsageRecord[]): Promise<void>;
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
