import type { Kysely, RawBuilder } from "kysely";
import type { Store } from "../core/store/store.ts";
import { findSchemaGap, type SchemaGap } from "./migrate.ts";
import type { Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import { createSqlStore } from "./sql-store.ts";

/** A store that was opened to look at it. Nothing that it offers changes anything, and its schema may be another release's. */
export interface InspectedStore {
  readonly engine: Store["engine"];
  readonly gap: SchemaGap;
  /** Reads the store. Writes reject. `undefined` if the schema isn't this release's. */
  readonly reader: Store | undefined;
  /** The size of SQLite's write-ahead log, in bytes. */
  readonly logBytes: number;
  /** Why it can't be written, as far as that shows without writing. */
  readonly readOnly: string | undefined;
  /** An encoding that the service can't use. */
  readonly wrongEncoding: string | undefined;
  /** What is damaged, if anything; only SQLite. Occupies the thread for seconds. */
  readonly findDamage?: () => string | undefined;
  /** Figures of the server; only PostgreSQL. */
  readonly findServerFacts?: () => Promise<ServerFacts>;
  close(): Promise<void>;
}

/** What is known of a PostgreSQL server. */
export interface ServerFacts {
  readonly major: number;
  /** How many connections this user can open in all. */
  readonly connectionsMax: number;
  /** Did a notification arrive on a listening connection? */
  readonly isNotified: boolean;
}

/** The part of an engine that reading needs. */
export interface ReadingEngine {
  readonly name: Store["engine"];
  readonly nowMs: RawBuilder<number>;
  readonly idsWithRuns: Engine["idsWithRuns"];
  readonly problemOf: (error: unknown) => string | undefined;
}

/** Finds the schema's gap and, if there is none, makes a store that only reads. */
export async function inspectSchema(
  db: Kysely<Database>,
  engine: ReadingEngine,
): Promise<Pick<InspectedStore, "gap" | "reader">> {
  const gap = await findSchemaGap(db);
  const isCurrent = gap.missing.length === 0 && gap.unknown.length === 0;
  return { gap, reader: isCurrent ? readingStore(db, engine) : undefined };
}

function readingStore(db: Kysely<Database>, { name, nowMs, idsWithRuns, problemOf }: ReadingEngine): Store {
  const refuse = (): never => {
    throw new Error("this store is open for reading only");
  };
  const reject = () => Promise.reject(new Error("this store is open for reading only"));
  return createSqlStore(
    { reads: db, writes: db, changes: db },
    {
      name,
      hasSkipLocked: false,
      nowMs,
      idsWithRuns,
      begin: refuse,
      isLocked: () => false,
      problemOf,
      knowsOutcome: true,
      beginChange: reject,
      continueIds: reject,
      reserveIds: reject,
      endChange: reject,
      changeMarker: reject,
      watchChanges: () => ({ isReliable: () => false, stop: () => Promise.resolve() }),
      recordKeyUsage: reject,
      backup: reject,
      close: () => Promise.resolve(),
    },
  );
}
