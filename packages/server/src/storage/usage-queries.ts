import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Store } from "../core/store/store.ts";
import type { LiveTokens, UsageHour, UsageScope } from "../core/keys/usage-store.ts";
import { canBeId } from "./bounds.ts";
import type { Database } from "./schema.ts";
import { takeTurn } from "./take-turn.ts";

/** How many rows of live tokens one statement reads; other work runs between statements. */
const EXPIRIES_PER_READ = 5000;

/** Tokens by hour, read from the most aggregated table for the scope. */
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

interface Place {
  readonly account_id: number;
  readonly user_id: number;
}

/** A user of a part, with the totals of the whole part. */
interface PartRow {
  readonly user_id: number;
  readonly tokens: number;
  readonly part_users: number;
  readonly part_tokens: number;
}

/**
 * Counts live tokens by user, in parts of the table: there may be a million rows, and on SQLite a running statement blocks
 * everything else.
 */
export async function liveTokens(
  db: Kysely<Database>,
  scope: UsageScope,
  nowSeconds: number,
  limit: number,
): ReturnType<Store["usage"]["liveTokens"]> {
  const nothing = { users: [], userCount: 0, liveTokens: 0 };
  const scoped = isPossible(scope) ? await placeOf(db, scope) : undefined;
  if (scoped === undefined) return nothing;
  const totals = { userCount: 0, liveTokens: 0 };
  let top: PartRow[] = [];
  for (let { where } = scoped; ; ) {
    // A part ends with a user's last row, so that no user is in two parts.
    const { rows: ends } = await sql<Place>`
      select account_id, user_id from key_expiries where ${where}
      order by account_id, user_id, key_id, expires_s limit 1 offset ${sql.lit(EXPIRIES_PER_READ)}`.execute(db);
    const [end] = ends;
    const part = end === undefined ? where : sql`${where} and ${scoped.compare("<=", end)}`;
    const { rows } = await sql<PartRow>`
      select user_id, tokens, count(*) over () as part_users, cast(sum(tokens) over () as bigint) as part_tokens
      from (
        select user_id, cast(sum(tokens) as bigint) as tokens from key_expiries
        where ${part} and expires_s > ${nowSeconds} group by account_id, user_id
      ) as alive
      order by tokens desc, user_id limit ${limit}`.execute(db);
    totals.userCount += rows[0]?.part_users ?? 0;
    totals.liveTokens += rows[0]?.part_tokens ?? 0;
    top = [...top, ...rows].sort((a, b) => b.tokens - a.tokens || a.user_id - b.user_id).slice(0, limit);
    if (end === undefined) break;
    where = sql`${scoped.where} and ${scoped.compare(">", end)}`;
    await takeTurn();
  }
  return { users: await loadLive(db, top), ...totals };
}

/** A range of the table's primary key, and the comparison of places within it. */
interface Scoped {
  readonly where: RawBuilder<unknown>;
  readonly compare: (operator: "<=" | ">", place: Place) => RawBuilder<unknown>;
}

async function placeOf(db: Kysely<Database>, scope: UsageScope): Promise<Scoped | undefined> {
  // Within an account, compare the user only: comparing both columns would scan from the account's first user each time.
  const byUser: Scoped["compare"] = (operator, { user_id }) => sql`user_id ${sql.raw(operator)} ${user_id}`;
  if ("accountId" in scope) return { where: sql`account_id = ${scope.accountId}`, compare: byUser };
  const userId = "userId" in scope ? scope.userId : undefined;
  const keyId = "keyId" in scope ? scope.keyId : undefined;
  if (userId === undefined && keyId === undefined) {
    return {
      where: sql`1 = 1`,
      compare: (operator, { account_id, user_id }) =>
        sql`(account_id, user_id) ${sql.raw(operator)} (${account_id}, ${user_id})`,
    };
  }
  const owner = await (userId === undefined
    ? db
        .selectFrom("public_keys")
        .innerJoin("api_users", "api_users.id", "public_keys.user_id")
        .where("public_keys.id", "=", keyId ?? 0)
    : db.selectFrom("api_users").where("api_users.id", "=", userId)
  )
    .select(["api_users.id", "api_users.account_id"])
    .executeTakeFirst();
  if (owner === undefined) return undefined;
  const user = sql`account_id = ${owner.account_id} and user_id = ${owner.id}`;
  return { where: keyId === undefined ? user : sql`${user} and key_id = ${keyId}`, compare: byUser };
}

async function loadLive(db: Kysely<Database>, top: readonly PartRow[]): Promise<readonly LiveTokens[]> {
  if (top.length === 0) return [];
  const ids = top.map((row) => row.user_id);
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
  return top.flatMap(({ user_id, tokens }) => {
    const row = byId.get(user_id);
    return row === undefined ? [] : { username: row.username, liveTokens: tokens, lastUsedAtMs: row.last_used_at_ms };
  });
}

function isPossible(scope: UsageScope): boolean {
  return Object.values<number>(scope).every((id) => canBeId(id));
}
