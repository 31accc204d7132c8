import type { Access } from "@countersign/protocol";
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { ListedUser, UserFilter, UserOrder } from "../core/users/store.ts";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import type { Standing } from "../core/standing.ts";
import { beginningWith, canBeId, canBeStored, ID_MAX } from "./bounds.ts";
import {
  COUNTED_MAX,
  countWays,
  findWay,
  type ListOrder,
  NEWEST_FIRST,
  NO_PAGE,
  readPage,
  readWays,
  type Statements,
  type Way,
} from "./pages.ts";
import { selectUsers, toUser } from "./rows.ts";
import type { Database } from "./schema.ts";

const STANDINGS: readonly Standing[] = ["active", "deactivated"];
const ACCESSES: readonly Access[] = ["full", "read_only"];

const BY_NAME: ListOrder = {
  columns: [
    { name: "name", holds: "text" },
    { name: "id", holds: "id" },
  ],
  isDescending: false,
};

/** What a search may mean. */
type Meaning =
  /** Everybody, or everybody whose name begins like this. */
  | { readonly kind: "name"; readonly beginning: string; readonly accountId?: number | undefined }
  /** A username up to somewhere in the account's id. */
  | { readonly kind: "username"; readonly beginning: string }
  | { readonly kind: "key"; readonly id: string };

function meaningsOf({ search, accountId }: UserFilter): readonly Meaning[] {
  if (search === undefined || "api-".startsWith(search)) return [{ kind: "name", beginning: "", accountId }];
  const meanings: Meaning[] = [
    { kind: "name", beginning: search, accountId },
    { kind: "key", id: search },
  ];
  const [, id, dash, beginning = ""] = /^api-([1-9][0-9]{0,9})(?:(-)(.*))?$/s.exec(search) ?? [];
  if (id === undefined) return meanings;
  if (dash === undefined) return [...meanings, { kind: "username", beginning: search }];
  // No account has two ids.
  if (!canBeId(Number(id)) || (accountId ?? Number(id)) !== Number(id)) return meanings;
  return [...meanings, { kind: "name", beginning, accountId: Number(id) }];
}

/** What a statement selects: the key of the list. Just the id is in every index. */
const ROWS: Readonly<Record<UserOrder, RawBuilder<unknown>>> = {
  newest: sql`select id from api_users`,
  name: sql`select id, name from api_users`,
};

export async function pageUsers(
  db: Kysely<Database>,
  filter: UserFilter,
  order: UserOrder,
  todaySeconds: number,
  page: PageRequest,
): Promise<Page<ListedUser>> {
  if (filter.accountId !== undefined && !canBeId(filter.accountId)) return NO_PAGE;
  if (!canBeStored(filter.search ?? "")) return NO_PAGE;
  const listOrder = order === "name" ? BY_NAME : NEWEST_FIRST;
  const meanings = meaningsOf(filter);
  const ways = await Promise.all(meanings.map((meaning) => wayOf(db, meaning, filter, order)));
  const keyOf = ({ id, name = "" }: UserKey): PageKey => (order === "name" ? [name, id] : [id]);
  const { items, ...rest } = await readPage<UserKey>(
    {
      order: listOrder,
      read: (stretch) => readWays(db, listOrder, ways, stretch, keyOf),
      keyOf,
      count: () =>
        countWays(
          db,
          meanings.map((meaning) => ({ statements: firstOf(meaning, filter, "newest") })),
        ),
    },
    page,
  );
  return {
    items: await loadListed(
      db,
      items.map(({ id }) => id),
      todaySeconds,
    ),
    ...rest,
  };
}

interface UserKey {
  readonly id: number;
  /** Where the list is by name. */
  readonly name?: string;
}

async function wayOf(db: Kysely<Database>, meaning: Meaning, filter: UserFilter, order: UserOrder): Promise<Way> {
  if (meaning.kind === "key") return { kind: "few", statements: found(meaning, filter, order) };
  // The index by name gives them in the order of their names, and where all names match, that by id in that of the ids.
  if (meaning.kind === "name" && (order === "name" || meaning.beginning === "")) {
    return { kind: "along", statements: found(meaning, filter, order) };
  }
  const [text, rest] =
    meaning.kind === "name"
      ? [sql`name || ''`, { ...filter, accountId: meaning.accountId }]
      : [sql`username || ''`, filter];
  const matches = within(text, meaning.beginning);
  const all = order === "newest" ? [sql`${ROWS.newest} where 1 = 1`] : equal(rest, order);
  const asked = order === "newest" ? residual(rest) : sql`1 = 1`;
  return findWay(
    db,
    firstOf(meaning, filter, order),
    all.map((rows) => sql`${rows} and ${matches} and ${asked}`),
    all,
  );
}

/**
 * The same as {@link found}, each statement's first rows in the order of its index, as many as are counted. Without an order,
 * PostgreSQL would go through the table where many match, and they may be far from its beginning.
 */
function firstOf(meaning: Meaning, filter: UserFilter, order: UserOrder): Statements {
  const statements = found(meaning, filter, order);
  if (meaning.kind === "key" || (meaning.kind === "name" && meaning.beginning === "")) return statements;
  const indexOrder = meaning.kind === "name" ? sql`name, id` : sql`account_id, status`;
  return statements.map(
    (rows) => sql`select * from (${rows} order by ${indexOrder} limit ${sql.lit(COUNTED_MAX)}) as first`,
  );
}

/** Statements that find them by an index. */
function found(meaning: Meaning, filter: UserFilter, order: UserOrder): Statements {
  const rows = ROWS[order];
  switch (meaning.kind) {
    case "key": {
      const owners = sql`
        select user_id from public_keys where fingerprint = ${meaning.id}
        union select user_id from public_keys where thumbprint = ${meaning.id}`;
      return [sql`${rows} where id in (${owners}) and ${residual(filter)}`];
    }
    case "username":
      // By the accounts that it may be: their index has all that is asked for.
      return accountsBeginning(meaning.beginning.slice("api-".length)).map(
        ([first, last]) => sql`${rows} where account_id between ${first} and ${last} and ${residual(filter)}`,
      );
    default: {
      const { accountId, beginning } = meaning;
      const statements = equal({ ...filter, accountId }, order);
      return beginning === "" ? statements : statements.map((all) => sql`${all} and ${within(sql`name`, beginning)}`);
    }
  }
}

/** The ids that begin with these digits, from the first until the last, for each number of digits. */
function accountsBeginning(digits: string): readonly (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  for (let [first, last] = [Number(digits), Number(digits)]; canBeId(first); first *= 10, last = 10 * last + 9) {
    ranges.push([first, Math.min(last, ID_MAX)]);
  }
  return ranges;
}

/** One statement for each standing and access, because the indexes begin with those. */
function equal(filter: Rest, order: UserOrder): Statements {
  const account = filter.accountId === undefined ? sql`` : sql`and account_id = ${filter.accountId}`;
  return STANDINGS.filter((status) => (filter.status ?? status) === status).flatMap((status) =>
    ACCESSES.filter((access) => (filter.access ?? access) === access).map(
      (access) => sql`${ROWS[order]} where status = ${status} and access = ${access} ${account}`,
    ),
  );
}

/** What a filter asks besides what is searched for. */
interface Rest extends Pick<UserFilter, "status" | "access"> {
  readonly accountId?: number | undefined;
}

/** What it asks, compared in a way that no index helps with, so that no engine takes another than the one that is meant. */
function residual({ accountId, status, access }: Rest): RawBuilder<SqlBool> {
  const conditions = [sql<SqlBool>`1 = 1`];
  if (accountId !== undefined) conditions.push(sql`account_id + 0 = ${accountId}`);
  if (status !== undefined) conditions.push(sql`status || '' = ${status}`);
  if (access !== undefined) conditions.push(sql`access || '' = ${access}`);
  return sql`${sql.join(conditions, sql` and `)}`;
}

function within(text: RawBuilder<unknown>, beginning: string): RawBuilder<SqlBool> {
  const { from, until } = beginningWith(beginning);
  return sql`${text} >= ${from} and ${text} < ${until}`;
}

/** In the order of the ids given. Each user's figures are a few looks at its keys. */
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
        keys
          .where("public_keys.status", "=", "active")
          .select((key) => key.fn.countAll().as("keys"))
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
