import type { Access } from "@countersign/protocol";
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { AccountId } from "../core/accounts/model.ts";
import type { Standing } from "../core/standing.ts";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import type { ApiUser } from "../core/users/model.ts";
import type { ListedUser, UserFilter, UserOrder } from "../core/users/store.ts";
import { beginningWith, canBeId, canBeStored, ID_MAX } from "./bounds.ts";
import type { Engine } from "./engine.ts";
import { type ListOrder, NEWEST_FIRST, NO_PAGE, readPage, readStretch } from "./pages.ts";
import { selectUsers, toUser } from "./rows.ts";
import type { Database } from "./schema.ts";
import { canBeSought } from "./search-text.ts";
import { searchUsers } from "./user-search.ts";

const STANDINGS: readonly Standing[] = ["active", "deactivated"];
const ACCESSES: readonly Access[] = ["full", "read_only"];

const BY_NAME: ListOrder = {
  columns: [
    { name: "name", holds: "text" },
    { name: "id", holds: "id" },
  ],
  isDescending: false,
};

/** A page of users. Names with the same beginning lie together in the indexes by name alone, so such a list is by name. */
export async function pageUsers(
  db: Kysely<Database>,
  engine: Engine,
  filter: UserFilter,
  orderWanted: UserOrder,
  todaySeconds: number,
  page: PageRequest,
): Promise<Page<ListedUser>> {
  const { accountId, search = "", namePrefix } = filter;
  if (accountId !== undefined && !canBeId(accountId)) return NO_PAGE;
  if (!canBeSought(search) || !canBeStored(namePrefix ?? "")) return NO_PAGE;
  const order = namePrefix === undefined ? orderWanted : "name";
  const list = { order: order === "name" ? BY_NAME : NEWEST_FIRST, ranges: rangesOf(filter) };
  const keyOf = ({ id, name = "" }: UserKey): PageKey => (order === "name" ? [name, id] : [id]);
  const { items, ...rest } =
    search === ""
      ? await readPage<UserKey>(db, list, keyOf, page)
      : await searchUsers<UserKey>(
          db,
          engine,
          { list, keyOf, conditions: conditionsOf(filter), isKept: isKept(filter), hasMost: hasMost(filter) },
          search,
          page,
        );
  const ids = items.map(({ id }) => id);
  return { items: await loadListed(db, ids, todaySeconds), ...rest };
}

/** An account's users after a name, in the order of their names; see `UserStore.listAfter`. */
export async function listUsersAfter(
  db: Kysely<Database>,
  accountId: AccountId,
  afterName: string,
  limit: number,
): Promise<readonly ApiUser[]> {
  if (!canBeId(accountId) || !canBeStored(afterName)) return [];
  const list = { order: BY_NAME, ranges: rangesOf({ accountId }) };
  // Greater than every user of this name, of whom there is one at most.
  const keys = await readStretch<UserKey>(db, list, { key: [afterName, ID_MAX] }, false, limit);
  if (keys.length === 0) return [];
  const ids = keys.map(({ id }) => id);
  const rows = await selectUsers(db).where("api_users.id", "in", ids).execute();
  const byId = new Map(rows.map((row) => [row.id, toUser(row)]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

interface UserKey {
  readonly id: number;
  /** Present if the list is ordered by name. */
  readonly name?: string;
}

/** One range for each status and access, since the indexes begin with these columns. */
function rangesOf(filter: UserFilter): readonly RawBuilder<unknown>[] {
  return STANDINGS.filter((status) => (filter.status ?? status) === status).flatMap((status) =>
    ACCESSES.filter((access) => (filter.access ?? access) === access).map(
      (access) => sql`from api_users where ${conditionsOf({ ...filter, status, access })}`,
    ),
  );
}

/** Does the filter leave out only what few users are: archived or deactivated? */
function hasMost({ archived = false, status, access, accountId }: UserFilter): boolean {
  return !archived && status !== "deactivated" && access === undefined && accountId === undefined;
}

function isKept({ archived = false }: Pick<UserFilter, "archived">): RawBuilder<SqlBool> {
  return archived ? sql`archived_at_ms is not null` : sql`archived_at_ms is null`;
}

/** What the filter asks for besides the search. The first condition is that of the indexes that hold these users. */
function conditionsOf({ archived, status, access, accountId, namePrefix }: UserFilter): RawBuilder<SqlBool> {
  const conditions: RawBuilder<unknown>[] = [isKept({ archived })];
  if (status !== undefined) conditions.push(sql`status = ${status}`);
  if (access !== undefined) conditions.push(sql`access = ${access}`);
  if (accountId !== undefined) conditions.push(sql`account_id = ${accountId}`);
  if (namePrefix !== undefined) {
    const { from, until } = beginningWith(namePrefix);
    conditions.push(sql`name >= ${from} and name < ${until}`);
  }
  return sql<SqlBool>`${sql.join(conditions, sql` and `)}`;
}

/** Loads users in the order of the ids given. Each user's figures take a few lookups of its keys. */
export async function loadListed(
  db: Kysely<Database>,
  ids: readonly number[],
  todaySeconds: number,
): Promise<readonly ListedUser[]> {
  if (ids.length === 0) return [];
  const rows = await selectUsers(db)
    .where("api_users.id", "in", ids)
    .select((user) => {
      const keys = user.selectFrom("public_keys").whereRef("public_keys.user_id", "=", "api_users.id");
      return [
        keys.select((key) => key.fn.countAll().as("keys")).as("keys"),
        // Not as a condition: SQLite would then count by the index on the status of all keys.
        keys
          .select(sql<number>`count(case when public_keys.status = 'active' then 1 end)`.as("keys"))
          .as("active_keys"),
        keys
          .innerJoin("key_usage", "key_usage.key_id", "public_keys.id")
          .select((key) => key.fn.max("key_usage.last_used_at_ms").as("last"))
          .as("last_used_at_ms"),
        keys
          .innerJoin("key_usage_hours", "key_usage_hours.key_id", "public_keys.id")
          .where("key_usage_hours.hour_s", ">=", todaySeconds)
          .select(sql<number>`coalesce(cast(sum(key_usage_hours.tokens) as bigint), 0)`.as("tokens"))
          .as("tokens_today"),
      ];
    })
    .execute();
  const byId = new Map(
    rows.map((row) => [
      row.id,
      {
        ...toUser(row),
        activeKeys: Number(row.active_keys),
        keys: Number(row.keys),
        lastUsedAtMs: row.last_used_at_ms,
        tokensToday: Number(row.tokens_today),
      },
    ]),
  );
  return ids.flatMap((id) => byId.get(id) ?? []);
}
