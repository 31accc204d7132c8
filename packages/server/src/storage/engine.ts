import type { Kysely, RawBuilder, Transaction, TransactionBuilder } from "kysely";
import type { ChangeWatch, Store } from "../core/store/store.ts";
import type { KeyUsageRecord } from "../core/keys/usage-store.ts";
import type { Database } from "./schema.ts";

/** The connections for each kind of statement. */
export interface Connections {
  /** Reads, which never wait for a transaction on another connection. */
  readonly reads: Kysely<Database>;
  /** Writes that don't change the registry: usage, used assertions, nodes. */
  readonly writes: Kysely<Database>;
  /** Changes, which run one at a time. They have their own connection, so that waiting changes don't occupy the others. */
  readonly changes: Kysely<Database>;
}

/** What differs between database engines. */
export interface Engine {
  readonly name: Store["engine"];
  /** Does the engine have `for update skip locked`? An engine without it has a single writer. */
  readonly hasSkipLocked: boolean;
  /** The database's wall clock, in whole milliseconds since the epoch. */
  readonly nowMs: RawBuilder<number>;
  /**
   * Selects the `id` of the users whose username or display name has all of these runs of three characters, or of the keys whose label
   * has; perhaps of others, too. In lower case as far as A to Z go. At least one run.
   */
  readonly idsWithRuns: (of: "users" | "labels", runs: readonly string[]) => RawBuilder<unknown>;
  readonly begin: (connections: Kysely<Database>) => TransactionBuilder<Database>;
  /** Is this the error of `begin` while another process holds the lock that every write needs? */
  readonly isLocked: (error: unknown) => boolean;
  /** Describes what keeps the database from working; `undefined` if the statement is at fault. Never holds a path or a secret. */
  readonly problemOf: (error: unknown) => string | undefined;
  /** Does a failed commit always mean that nothing changed? Over a network it doesn't: the answer may have been lost. */
  readonly knowsOutcome: boolean;
  /** The longest time until a write begins to commit, in milliseconds; 5 s by default. */
  readonly writeMsMax?: number;
  /** Locks out other changes until the transaction ends. */
  beginChange(transaction: Transaction<Database>): Promise<void>;
  /** Makes all future ids greater than every id generated or inserted so far, and greater than `after`. */
  continueIds(transaction: Transaction<Database>, table: keyof Database, after?: number): Promise<void>;
  /** Ids that no row has, ascending, for rows that this transaction inserts. */
  reserveIds(
    transaction: Transaction<Database>,
    table: "api_users" | "public_keys",
    count: number,
  ): Promise<readonly number[]>;
  /** Wakes the other nodes once the transaction commits. */
  endChange(transaction: Transaction<Database>): Promise<void>;
  changeMarker(): Promise<string>;
  /** Makes every later call reject, for this reason. Only for an engine whose store no other node can repair. */
  giveUp?(problem: string): void;
  watchChanges(onChange: () => void): ChangeWatch;
  recordKeyUsage(usage: readonly KeyUsageRecord[]): Promise<void>;
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
