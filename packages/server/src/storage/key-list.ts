import { type Kysely, type RawBuilder, sql } from "kysely";
import type { KeyStatus, PublicKey } from "../core/keys/model.ts";
import type { KeyFilter, KeyOrder } from "../core/keys/store.ts";
import { keyOrder } from "../core/keys/key-list.ts";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import { canBeId } from "./bounds.ts";
import { COUNTED_MAX, type ListOrder, NEWEST_FIRST, NO_PAGE, readPage } from "./pages.ts";
import { selectKeys, toKey } from "./rows.ts";
import type { Database } from "./schema.ts";
import { takeTurn } from "./take-turn.ts";

const STATUSES: readonly KeyStatus[] = ["active", "deactivated", "revoked"];

const ORDERS: Readonly<Record<KeyOrder, ListOrder>> = {
  newest: NEWEST_FIRST,
  expiry: {
    columns: [
      { name: "expires_at_ms", holds: "seq" },
      { name: "id", holds: "id" },
    ],
    isDescending: false,
  },
  idle: {
    columns: [
      { name: "idle_since_day", holds: "seq" },
      { name: "id", holds: "id" },
    ],
    isDescending: false,
  },
};

const DAY_MS = 86_400_000;

/**
 * Few keys are weak; an index has only those. The limit, which excludes none, keeps both engines from looking for them among all keys
 * with the wanted status, expiry or account.
 */
const WEAK_KEYS = sql`(select * from public_keys where weakness is not null limit 2147483647) as public_keys`;

interface KeyRow {
  readonly id: number;
  readonly expires_at_ms?: number;
  readonly idle_since_day?: number;
}

/** A page of keys of all users, or of an account's or one user's. */
export async function pageKeys(
  db: Kysely<Database>,
  filter: KeyFilter,
  nowMs: number,
  page: PageRequest,
): Promise<Page<PublicKey>> {
  if (!isPossible(filter)) return NO_PAGE;
  const order = keyOrder(filter);
  const list = { order: ORDERS[order], ranges: rangesOf(filter, nowMs) };
  const keyOf = ({ id, expires_at_ms: expiry = 0, idle_since_day: day = 0 }: KeyRow): PageKey => {
    if (order === "newest") return [id];
    return [order === "expiry" ? expiry : day, id];
  };
  const { items, ...rest } = await readPage<KeyRow>(db, list, keyOf, page);
  if (items.length === 0) return { items: [], ...rest };
  const ids = items.map(({ id }) => id);
  const loaded = (await selectKeys(db).where("public_keys.id", "in", ids).execute()).map(toKey);
  const byId = new Map(loaded.map((key) => [key.id as number, key]));
  return { items: items.flatMap(({ id }) => byId.get(id) ?? []), ...rest };
}

/** How many keys match, counted up to `COUNT_MAX` + 1. */
export async function countKeys(db: Kysely<Database>, filter: KeyFilter, nowMs: number): Promise<number> {
  if (!isPossible(filter)) return 0;
  const columns = sql.join(ORDERS[keyOrder(filter)].columns.map(({ name }) => sql.ref(name)));
  const parts = rangesOf(filter, nowMs).map(
    (range) => sql`select * from (select id ${range} order by ${columns} limit ${sql.lit(COUNTED_MAX)}) as part`,
  );
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (
      select * from (${sql.join(parts, sql` union all `)}) as merged limit ${sql.lit(COUNTED_MAX)}
    ) as counted`.execute(db);
  // On SQLite a statement blocks everything else. An overview counts many times; other work runs in between.
  await takeTurn();
  return Number(rows[0]?.count);
}

function isPossible({ accountId, userId }: KeyFilter): boolean {
  return [accountId, userId].every((id) => id === undefined || canBeId(id));
}

/** Ranges of one index each; the index follows from the order, from whether there is an account, and from whether only weak keys count. */
function rangesOf(filter: KeyFilter, nowMs: number): readonly RawBuilder<unknown>[] {
  const { accountId, userId, status, expiringUntilMs, unusedSinceMs, isWeak = false } = filter;
  const also: RawBuilder<unknown>[] = [];
  if (accountId !== undefined) also.push(sql`account_id = ${accountId}`);
  if (userId !== undefined) also.push(sql`user_id = ${userId}`);
  if (expiringUntilMs !== undefined) also.push(sql`expires_at_ms > ${nowMs} and expires_at_ms <= ${expiringUntilMs}`);
  if (unusedSinceMs !== undefined) {
    also.push(
      sql`idle_since_day <= ${Math.floor(unusedSinceMs / DAY_MS)}`,
      sql`(expires_at_ms is null or expires_at_ms > ${nowMs})`,
      // The day finds them in the index; the exact time decides.
      sql`coalesce((select last_used_at_ms from key_usage where key_usage.key_id = public_keys.id), created_at_ms)
        <= ${unusedSinceMs}`,
    );
  }
  const rest = also.length === 0 ? sql`` : sql`and ${sql.join(also, sql` and `)}`;
  const isLive = expiringUntilMs !== undefined || unusedSinceMs !== undefined;
  if (isLive && status !== undefined && status !== "active") return [sql`from public_keys where 1 = 0`];
  if (isWeak) {
    const wanted = isLive ? "active" : status;
    const standing = wanted === undefined ? sql`status <> 'revoked'` : sql`status = ${wanted}`;
    return [sql`from ${WEAK_KEYS} where ${standing} ${rest}`];
  }
  if (isLive) return [sql`from public_keys where status = 'active' ${rest}`];
  return STATUSES.filter((one) => (status ?? one) === one).map(
    (one) => sql`from public_keys where status = ${one} ${rest}`,
  );
}
