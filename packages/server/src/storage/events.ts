import type { Insertable, Kysely, Transaction } from "kysely";
import { type AuditEvent, CHAIN_START, chainEvent } from "../core/feed/audit-chain.ts";
import type { EventStore, EventTransaction, FeedPosition } from "../core/feed/store.ts";
import { pageEvents } from "./event-list.ts";
import { chunksOf, ROWS_PER_INSERT } from "./chunks.ts";
import { toEvent } from "./rows.ts";
import type { Database } from "./schema.ts";

/** The end of the chain; `undefined` while there is no event. */
export function findLastEvent(
  db: Kysely<Database>,
): Promise<{ readonly seq: number; readonly hash: string } | undefined> {
  return db.selectFrom("audit_events").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
}

async function lastEvent(db: Kysely<Database>): Promise<FeedPosition> {
  return { seq: 0, hash: CHAIN_START, ...(await findLastEvent(db)) };
}

/** The audit log, outside of changes. */
export function eventStore(db: Kysely<Database>): EventStore {
  return {
    after: async (seq, limit) =>
      (
        await db.selectFrom("audit_events").selectAll().where("seq", ">", seq).orderBy("seq").limit(limit).execute()
      ).map(toEvent),
    last: () => lastEvent(db),
    page: (filter, page) => pageEvents(db, filter, page),
  };
}

/** The audit log, within a change. */
export function eventTransaction(db: Transaction<Database>): EventTransaction {
  return {
    append: async (event) => {
      const chained = chainEvent(event, await findLastEvent(db));
      await db.insertInto("audit_events").values(rowOf(chained)).execute();
      return chained;
    },
    appendAll: async (events) => {
      let last: AuditEvent | FeedPosition | undefined = await findLastEvent(db);
      const rows = events.map((event) => {
        const chained = chainEvent(event, last);
        last = chained;
        return rowOf(chained);
      });
      for (const part of chunksOf(rows, ROWS_PER_INSERT)) await db.insertInto("audit_events").values(part).execute();
    },
    last: () => lastEvent(db),
  };
}

function rowOf(event: AuditEvent): Insertable<Database["audit_events"]> {
  return {
    seq: event.seq,
    at_ms: event.atMs,
    actor: event.actor,
    action: event.action,
    subject: event.subject,
    details: JSON.stringify(event.details),
    previous_hash: event.previousHash,
    hash: event.hash,
    account_id: event.accountId ?? null,
  };
}
