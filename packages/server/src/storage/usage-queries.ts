import { setImmediate } from "node:timers/promises";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AdminQueries, LiveTokens, UsageHour, UsageScope } from "../core/administration/queries.ts";
import { canBeId } from "./bounds.ts";
import type { Database } from "./schema.ts";

/** How many rows of tokens that are alive are read at once; between, others get their turn. */
const EXPIRIES_PER_READ = 5000;

/** From a table that has the scope's hours added up already, or nearly so. */
export async function usageHours(
  db: Kysely<Database>,
  scope: UsageScope,
  fromSeconds: number,
  untilSeconds: number,
): Promise<readonly UsageHour[]> {
  if (!isPossible(scope)) return [];
  const { rows } = await sql<{ hour_s: number; tokens: number }>`
    select hour_s, cast(sum(tokens) as bigint) as tokens from ${hoursOf(scope)}
    and hour_s >= ${fromSeconds} and hour_s < ${untilSeconds}
    group by hour_s order by hour_s`.execute(db);
  return rows.map(({ hour_s: hourSeconds, tokens }) => ({ hourSeconds, tokens }));
}

function hoursOf(scope: UsageScope): RawBuilder<unknown> {
  if ("keyId" in scope) return sql`key_usage_hours where key_id = ${scope.keyId}`;
  if ("userId" in scope) {
    return sql`key_usage_hours where key_id in (select id from public_keys where user_id = ${scope.userId})`;
  }
  if ("accountId" in scope) return sql`account_usage_hours where account_id = ${scope.accountId}`;
  return sql`usage_hours where 1 = 1`;
}

interface Expiry {
  readonly account_id: number;
  readonly user_id: number;
  readonly key_id: number;
  readonly expires_s: number;
  readonly tokens: number;
}

/**
 * Goes through what is alive from one user to the next, a part at a time: there may be a million of them, and on SQLite nothing else
 * happens while a statement runs.
 */
export async function liveTokens(
  db: Kysely<Database>,
  scope: UsageScope,
  nowSeconds: number,
  limit: number,
): ReturnType<AdminQueries["liveTokens"]> {
  if (!isPossible(scope)) return { users: [], userCount: 0, liveTokens: 0 };
  const place = await placeOf(db, scope);
  if (place === undefined) return { users: [], userCount: 0, liveTokens: 0 };
  const counted = countUsers(limit);
  let last: Expiry | undefined;
  for (;;) {
    const after =
      last === undefined
        ? sql``
        : sql`and (account_id, user_id, key_id, expires_s)
            > (${last.account_id}, ${last.user_id}, ${last.key_id}, ${last.expires_s})`;
    const { rows } = await sql<Expiry>`
      select account_id, user_id, key_id, expires_s, tokens from key_expiries
      where ${place} ${after}
      order by account_id, user_id, key_id, expires_s limit ${sql.lit(EXPIRIES_PER_READ)}`.execute(db);
    for (const row of rows) if (row.expires_s > nowSeconds) counted.add(row.user_id, row.tokens);
    last = rows.at(-1);
    if (rows.length < EXPIRIES_PER_READ) break;
    await setImmediate();
  }
  const { top, ...totals } = counted.end();
  return { users: await loadLive(db, top), ...totals };
}

/** A stretch of the table, by its primary key. */
async function placeOf(db: Kysely<Database>, scope: UsageScope): Promise<RawBuilder<unknown> | undefined> {
  if ("accountId" in scope) return sql`account_id = ${scope.accountId}`;
  if (!("keyId" in scope) && !("userId" in scope)) return sql`1 = 1`;
  const owner = await db
    .selectFrom("api_users")
    .select(["api_users.id", "api_users.account_id"])
    .$if("userId" in scope, (query) => query.where("api_users.id", "=", "userId" in scope ? scope.userId : 0))
    .$if("keyId" in scope, (query) =>
      query
        .innerJoin("public_keys", "public_keys.user_id", "api_users.id")
        .where("public_keys.id", "=", "keyId" in scope ? scope.keyId : 0),
    )
    .executeTakeFirst();
  if (owner === undefined) return undefined;
  const user = sql`account_id = ${owner.account_id} and user_id = ${owner.id}`;
  return "keyId" in scope ? sql`${user} and key_id = ${scope.keyId}` : user;
}

interface Counted {
  readonly userId: number;
  readonly tokens: number;
}

/** Adds up rows that come user by user, and keeps the users with the most tokens. */
function countUsers(limit: number) {
  let top: Counted[] = [];
  let current = { userId: 0, tokens: 0 };
  let userCount = 0;
  let live = 0;
  const prune = () => {
    top = top.sort((a, b) => b.tokens - a.tokens || a.userId - b.userId).slice(0, limit);
  };
  const finish = () => {
    if (current.tokens === 0) return;
    userCount++;
    live += current.tokens;
    top.push(current);
    if (top.length >= 2 * limit + 100) prune();
  };
  return {
    add(userId: number, tokens: number) {
      if (current.userId !== userId) {
        finish();
        current = { userId, tokens: 0 };
      }
      current.tokens += tokens;
    },
    end() {
      finish();
      prune();
      return { top, userCount, liveTokens: live };
    },
  };
}

async function loadLive(db: Kysely<Database>, top: readonly Counted[]): Promise<readonly LiveTokens[]> {
  if (top.length === 0) return [];
  const ids = top.map(({ userId }) => userId);
  const rows = await db
    .selectFrom("api_users")
    .select(["id", "username"])
    .select((user) =>
      user
        .selectFrom("public_keys")
        .innerJoin("key_usage", "key_usage.key_id", "public_keys.id")
        .whereRef("public_keys.user_id", "=", "api_users.id")
        .select((key) => key.fn.max("key_usage.last_used_at_ms").as("last"))
        .as("last_used_at_ms"),
    )
    .where("id", "in", ids)
    .execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return top.flatMap(({ userId, tokens }) => {
    const row = byId.get(userId);
    return row === undefined ? [] : { username: row.username, liveTokens: tokens, lastUsedAtMs: row.last_used_at_ms };
  });
}

function isPossible(scope: UsageScope): boolean {
  return Object.values<number>(scope).every((id) => canBeId(id));
}
