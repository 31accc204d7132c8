import { type Kysely, sql, type Transaction } from "kysely";
import type { JobClaim, JobStore, JobTransaction } from "../core/jobs/store.ts";
import type { Engine } from "./engine.ts";
import type { Database } from "./schema.ts";
import type { Write } from "./write.ts";

/** Background jobs, outside of changes. Leases are counted by the database's clock, which all nodes share. */
export function jobStore(db: Kysely<Database>, write: Write, engine: Engine): JobStore {
  return {
    find: async (name, leaseMs) => {
      const isHeld = sql<boolean>`held_until_ms > ${engine.nowMs}`;
      const isBelievable =
        leaseMs === undefined ? sql<boolean>`1 = 1` : sql<boolean>`held_until_ms <= ${engine.nowMs} + ${2 * leaseMs}`;
      const row = await db
        .selectFrom("jobs")
        .select([
          "ran_at_ms",
          "position",
          sql<number>`case when ${isHeld} and ${isBelievable} then 1 else 0 end`.as("is_held"),
        ])
        .where("name", "=", name)
        .executeTakeFirst();
      return { ranAtMs: row?.ran_at_ms ?? null, position: row?.position ?? null, isHeld: row?.is_held === 1 };
    },
    // One statement, so that of several nodes only one gets the job. A lease that ends later than two that begin now was begun by a
    // wrong clock.
    take: ({ name, holder, leaseMs }) =>
      write(async (transaction) => {
        const values = { holder, held_until_ms: sql<number>`${engine.nowMs} + ${leaseMs}` };
        const row = await transaction
          .insertInto("jobs")
          .values({ name, ...values })
          .onConflict((conflict) =>
            conflict
              .column("name")
              .doUpdateSet(values)
              .where(
                sql<boolean>`(jobs.holder = ${holder} or jobs.held_until_ms <= ${engine.nowMs}
                  or jobs.held_until_ms > ${engine.nowMs} + ${2 * leaseMs})`,
              ),
          )
          .returning(["ran_at_ms", "position"])
          .executeTakeFirst();
        return row && { ranAtMs: row.ran_at_ms, position: row.position };
      }),
    hold: (claim, position) => write((transaction) => holdJob(transaction, engine, claim, position)),
    release: async (name, holder) => {
      await write((transaction) =>
        transaction
          .updateTable("jobs")
          .set({ held_until_ms: 0 })
          .where("name", "=", name)
          .where("holder", "=", holder)
          .execute(),
      );
    },
    complete: async (name, holder, { ranAtMs, position }) => {
      await write((transaction) =>
        transaction
          .updateTable("jobs")
          .set({ held_until_ms: 0, ran_at_ms: ranAtMs, position })
          .where("name", "=", name)
          .where("holder", "=", holder)
          .execute(),
      );
    },
  };
}

/** Background jobs, within a change. */
export function jobTransaction(db: Transaction<Database>, engine: Engine): JobTransaction {
  return {
    hold: (claim, position) => holdJob(db, engine, claim, position),
  };
}

/** The row stays locked until the transaction ends. A claim that has ended goes on, as long as no other node has taken the job. */
async function holdJob(
  transaction: Transaction<Database>,
  { nowMs }: Engine,
  { name, holder, leaseMs }: JobClaim,
  position: number | null | undefined,
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable("jobs")
    .set({ held_until_ms: sql<number>`${nowMs} + ${leaseMs}`, ...(position !== undefined && { position }) })
    .where("name", "=", name)
    .where("holder", "=", holder)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}
