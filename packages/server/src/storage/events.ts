import type { Kysely, Transaction } from "kysely";
import { CHAIN_START, chainEvent } from "../core/feed/audit-chain.ts";
import type { EventStore, EventTransaction, FeedPosition } from "../core/feed/store.ts";
import { pageEvents } from "./event-list.ts";
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
      const last = await findLastEvent(db);
      const chained = chainEvent(event, last);
      await db
        .insertInto("audit_events")
        .values({
          seq: chained.seq,
          at_ms: chained.atMs,
          actor: chained.actor,
          action: chained.action,
          subject: chained.subject,
          details: JSON.stringify(chained.details),
          previous_hash: chained.previousHash,
          hash: chained.hash,
          account_id: chained.accountId ?? null,
        })
        .execute();
      return chained;
    },
    last: () => lastEvent(db),
  };
}
