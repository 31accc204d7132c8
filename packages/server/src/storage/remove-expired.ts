import { type RawBuilder, type SqlBool, sql, type Transaction } from "kysely";
import type { ExpiryBounds } from "../core/store/store.ts";
import type { Database } from "./schema.ts";

/** How long an expired invitation is kept, in milliseconds, so that its late user learns that it expired. */
const INVITATIONS_KEPT_MS = 86_400_000;

/** How long the expired token of a command line stays in the lists, in milliseconds. There is one for each sign-in. */
const COMMAND_LINES_KEPT_MS = 30 * 86_400_000;

/** The expired rows of a table, and its primary key. */
interface Expired {
  readonly table: keyof Database;
  readonly keys: readonly string[];
  readonly where: RawBuilder<SqlBool>;
}

function expired(before: ExpiryBounds): readonly Expired[] {
  const seconds = before.expiredBeforeSeconds;
  const { sessionsBegunBeforeMs, sessionsSeenBeforeMs } = before;
  return [
    { table: "revoked_tokens", keys: ["id"], where: sql`expires_at_s < ${seconds}` },
    { table: "used_assertions", keys: ["id"], where: sql`expires_at_s < ${seconds}` },
    { table: "key_usage_hours", keys: ["key_id", "hour_s"], where: sql`hour_s < ${before.usageBeforeSeconds}` },
    { table: "account_usage_hours", keys: ["account_id", "hour_s"], where: sql`hour_s < ${before.usageBeforeSeconds}` },
    { table: "refusal_hours", keys: ["hour_s", "code"], where: sql`hour_s < ${before.usageBeforeSeconds}` },
    {
      table: "user_refusal_hours",
      keys: ["user_id", "hour_s", "code"],
      where: sql`hour_s < ${before.userRefusalsBeforeSeconds}`,
    },
    { table: "usage_hours", keys: ["hour_s"], where: sql`hour_s < ${before.usageBeforeSeconds}` },
    {
      table: "key_expiries",
      keys: ["account_id", "user_id", "key_id", "expires_s"],
      where: sql`expires_s < ${seconds}`,
    },
    { table: "used_challenges", keys: ["hash"], where: sql`expires_at_ms < ${seconds * 1000}` },
    { table: "sign_in_attempts", keys: ["name_hash"], where: sql`ends_at_ms < ${seconds * 1000}` },
    {
      table: "remembered_creations",
      keys: ["principal", "key_hash"],
      where: sql`created_at_ms < ${before.creationsBeforeMs}`,
    },
    {
      table: "operator_sessions",
      keys: ["id"],
      where: sql`(created_at_ms < ${sessionsBegunBeforeMs} or last_seen_at_ms < ${sessionsSeenBeforeMs})`,
    },
    { table: "invitations", keys: ["id"], where: sql`expires_at_ms < ${seconds * 1000 - INVITATIONS_KEPT_MS}` },
    { table: "device_sign_ins", keys: ["id"], where: sql`expires_at_ms < ${seconds * 1000}` },
    {
      table: "admin_tokens",
      keys: ["id"],
      where: sql`host_name is not null and expires_at_ms < ${seconds * 1000 - COMMAND_LINES_KEPT_MS}`,
    },
  ];
}

/**
 * Removes expired rows, at most `limit` of each table. Skips rows that another node is removing.
 *
 * @returns the number of removed rows
 */
export async function removeExpired(
  transaction: Transaction<Database>,
  before: ExpiryBounds,
  limit: number,
  { hasSkipLocked, nowMs }: { readonly hasSkipLocked: boolean; readonly nowMs: RawBuilder<number> },
): Promise<number> {
  let removed = 0;
  for (const { table, keys, where } of expired(before)) {
    const columns = sql.join(keys.map((key) => sql.ref(key)));
    const { numAffectedRows = 0n } = await sql`
      delete from ${sql.table(table)} where (${columns}) in (
        select ${columns} from ${sql.table(table)} where ${where} limit ${limit}
        ${hasSkipLocked ? sql`for update skip locked` : sql``}
      )`.execute(transaction);
    removed += Number(numAffectedRows);
  }
  const nodes = await transaction
    .deleteFrom("nodes")
    .where("seen_at_ms", "<", sql<number>`${nowMs} - ${before.unseenForMs}`)
    .executeTakeFirstOrThrow();
  return removed + Number(nodes.numDeletedRows);
}
