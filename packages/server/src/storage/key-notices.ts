import { type Kysely, sql, type Transaction } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type { KeyId } from "../core/keys/model.ts";
import type { KeyNotice, KeyNoticeStore, KeyNoticeTransaction, NoticedKey } from "../core/keys/notices/store.ts";
import type { Database } from "./schema.ts";

/** Notices about keys, outside of changes. */
export function keyNoticeStore(db: Kysely<Database>): KeyNoticeStore {
  return {
    // The page is cut from the index before anything is joined: however many keys are of no interest, it reads no more than a page.
    listByExpiry: async (after, untilMs, limit) => {
      const rows = await selectNoticedKeys(db)
        .select([
          sql<number>`case when exists (
            select 1 from public_keys as successor
            where successor.rotated_from = public_keys.id and successor.status = 'active'
              and (successor.expires_at_ms is null or successor.expires_at_ms > public_keys.expires_at_ms)
          ) then 1 else 0 end`.as("is_replaced"),
        ])
        .where(
          "public_keys.id",
          "in",
          sql<number>`(select id from public_keys where status = 'active'
            and (expires_at_ms, id) > (${after.expiresAtMs}, ${after.id}) and expires_at_ms <= ${untilMs}
            order by expires_at_ms, id limit ${limit})`,
        )
        .orderBy("public_keys.expires_at_ms")
        .orderBy("public_keys.id")
        .execute();
      const given = await givenNotices(db, rows);
      return rows.map((row) => ({
        ...toNoticedKey(row),
        expiresAtMs: row.expires_at_ms ?? 0,
        isReplaced: row.is_replaced === 1,
        given: given.get(row.id) ?? [],
      }));
    },
    listIdle: async (after, untilDay, limit) => {
      const rows = await selectNoticedKeys(db)
        .leftJoin("key_notices", (join) =>
          join
            .onRef("key_notices.key_id", "=", "public_keys.id")
            .on("key_notices.notice", "=", "unused")
            .on(
              "key_notices.about_ms",
              "=",
              sql<number>`coalesce(key_usage.last_used_at_ms, public_keys.created_at_ms)`,
            ),
        )
        .select(["public_keys.idle_since_day", "key_notices.notice"])
        .where(
          "public_keys.id",
          "in",
          sql<number>`(select id from public_keys where status = 'active'
            and (idle_since_day, id) > (${after.idleSinceDay}, ${after.id}) and idle_since_day <= ${untilDay}
            order by idle_since_day, id limit ${limit})`,
        )
        .orderBy("public_keys.idle_since_day")
        .orderBy("public_keys.id")
        .execute();
      return rows.map((row) => ({
        ...toNoticedKey(row),
        idleSinceDay: row.idle_since_day,
        isNoticed: row.notice !== null,
      }));
    },
  };
}

/** Notices about keys, within a change. */
export function keyNoticeTransaction(db: Transaction<Database>): KeyNoticeTransaction {
  return {
    give: async (keyId, notice, aboutMs) => {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("key_notices")
        .values({ key_id: keyId, notice, about_ms: aboutMs })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    },
  };
}

function selectNoticedKeys(db: Kysely<Database>) {
  return db
    .selectFrom("public_keys")
    .innerJoin("api_users", "api_users.id", "public_keys.user_id")
    .innerJoin("accounts", "accounts.id", "api_users.account_id")
    .leftJoin("key_usage", "key_usage.key_id", "public_keys.id")
    .select([
      "public_keys.id",
      "public_keys.fingerprint",
      "public_keys.status",
      "public_keys.created_at_ms",
      "public_keys.expires_at_ms",
      "key_usage.last_used_at_ms",
      "api_users.username",
      "api_users.account_id",
      "api_users.status as user_status",
      "accounts.status as account_status",
    ]);
}

function toNoticedKey(
  row: Awaited<ReturnType<ReturnType<typeof selectNoticedKeys>["executeTakeFirstOrThrow"]>>,
): NoticedKey {
  return {
    id: row.id as KeyId,
    username: row.username,
    fingerprint: row.fingerprint,
    accountId: row.account_id as AccountId,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    isActive: row.status === "active" && row.user_status === "active" && row.account_status === "active",
  };
}

/** The notices that were given about each key's expiry. */
async function givenNotices(
  db: Kysely<Database>,
  keys: readonly { readonly id: number; readonly expires_at_ms: number | null }[],
): Promise<ReadonlyMap<number, readonly KeyNotice[]>> {
  const given = new Map<number, KeyNotice[]>();
  if (keys.length === 0) return given;
  const expiries = new Map(keys.map(({ id, expires_at_ms: expiresAtMs }) => [id, expiresAtMs]));
  const rows = await db
    .selectFrom("key_notices")
    .selectAll()
    .where("key_id", "in", [...expiries.keys()])
    .execute();
  for (const { key_id: keyId, notice, about_ms: aboutMs } of rows) {
    if (aboutMs !== expiries.get(keyId)) continue;
    given.set(keyId, [...(given.get(keyId) ?? []), notice]);
  }
  return given;
}
