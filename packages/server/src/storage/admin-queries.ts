import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { AdminQueries, ListedAccount, Page, PageKey, PageRequest } from "../core/store/queries.ts";
import { beginningWith, canBeId, canBeStored } from "./bounds.ts";
import { pageEvents } from "./event-queries.ts";
import {
  selectAdminTokens,
  selectInvitations,
  selectOperators,
  toAdminToken,
  toInvitation,
  toOperator,
} from "./operators.ts";
import { BY_ID, countRows, countWays, findWay, type List, NEWEST_FIRST, NO_PAGE, readPage, readWays } from "./pages.ts";
import {
  findAccount,
  findListedAccount,
  findResourceServer,
  selectKeys,
  toKey,
  toListedAccount,
  toResourceServer,
} from "./rows.ts";
import type { Database } from "./schema.ts";
import { liveTokens, usageHours } from "./usage-queries.ts";
import { loadListed, pageUsers } from "./user-queries.ts";

/** The administrators' port. */
export function adminQueries(db: Kysely<Database>): AdminQueries {
  return {
    pageAccounts: (filter, page) => pageAccounts(db, filter, page),
    findAccount: (shortname) => findAccount(db, shortname),
    findListedAccount: (shortname) => findListedAccount(db, shortname),
    pageUsers: (filter, order, todaySeconds, page) => pageUsers(db, filter, order, todaySeconds, page),
    findListedUser: async (username, todaySeconds) => {
      if (!canBeStored(username)) return undefined;
      const row = await db.selectFrom("api_users").select("id").where("username", "=", username).executeTakeFirst();
      const [user] = row === undefined ? [] : await loadListed(db, [row.id], todaySeconds);
      return user;
    },
    pageKeys: (userId, page) =>
      pageSmall(db, "public_keys", [equal("user_id", userId)], NEWEST_FIRST, page, async (ids) =>
        (await selectKeys(db).where("public_keys.id", "in", ids).execute()).map(toKey),
      ),
    findResourceServer: (name) => findResourceServer(db, name),
    pageResourceServers: ({ status, search }, page) =>
      pageSmall(db, "resource_servers", [equal("status", status), begins("name", search)], BY_ID, page, async (ids) =>
        (await db.selectFrom("resource_servers").selectAll().where("id", "in", ids).execute()).map(toResourceServer),
      ),
    pageOperators: ({ accountId, role, status, search }, page) => {
      const conditions = [
        equal("account_id", accountId),
        equal("role", role),
        equal("status", status),
        begins("email", search?.toLowerCase()),
      ];
      return pageSmall(db, "operators", conditions, BY_ID, page, async (ids) =>
        (await selectOperators(db).where("operators.id", "in", ids).execute()).map(toOperator),
      );
    },
    pageInvitations: ({ accountId }, nowMs, page) => {
      const isOpen = { isPossible: true, where: sql<SqlBool>`kind <> 'setup' and expires_at_ms > ${nowMs}` };
      const conditions = [equal("account_id", accountId), isOpen];
      return pageSmall(db, "invitations", conditions, NEWEST_FIRST, page, async (ids) =>
        (await selectInvitations(db).where("invitations.id", "in", ids).execute()).map(toInvitation),
      );
    },
    pageAdminTokens: ({ accountId }, page) =>
      pageSmall(db, "admin_tokens", [equal("account_id", accountId)], NEWEST_FIRST, page, async (ids) =>
        (await selectAdminTokens(db).where("admin_tokens.id", "in", ids).execute()).map(toAdminToken),
      ),
    pageEvents: (filter, page) => pageEvents(db, filter, page),
    usageHours: (scope, fromSeconds, untilSeconds) => usageHours(db, scope, fromSeconds, untilSeconds),
    liveTokens: (scope, nowSeconds, limit) => liveTokens(db, scope, nowSeconds, limit),
  };
}

const ACCOUNTS = sql`select id from accounts`;

async function pageAccounts(
  db: Kysely<Database>,
  { accountId, status, search = "" }: Parameters<AdminQueries["pageAccounts"]>[0],
  page: PageRequest,
): Promise<Page<ListedAccount>> {
  if ((accountId !== undefined && !canBeId(accountId)) || !canBeStored(search)) return NO_PAGE;
  const { from, until } = beginningWith(search.toLowerCase());
  const within = (text: RawBuilder<unknown>) => sql<SqlBool>`${text} >= ${from} and ${text} < ${until}`;
  const either = sql`(${within(sql`shortname || ''`)} or ${within(sql`search_name || ''`)})`;
  const standing = status === undefined ? sql`1 = 1` : sql`status || '' = ${status}`;
  const found =
    accountId === undefined && search !== ""
      ? // By each of the two names, and one that both find counts once.
        [sql`shortname`, sql`search_name`].map((text) => [sql`${ACCOUNTS} where ${within(text)} and ${standing}`])
      : [[sql`${ACCOUNTS} where ${narrowed()}`]];

  /** One account, or all of them. */
  function narrowed(): RawBuilder<unknown> {
    if (accountId !== undefined) return sql`id = ${accountId} and ${standing} and ${either}`;
    return status === undefined ? sql`1 = 1` : sql`status = ${status}`;
  }

  const along = [sql`${ACCOUNTS} where ${standing} and ${either}`];
  const ways =
    found.length === 1
      ? [{ kind: "along", statements: found[0] ?? [] } as const]
      : await Promise.all(found.map((statements) => findWay(db, statements, along, [sql`${ACCOUNTS} where 1 = 1`])));
  return loadPage(
    {
      order: BY_ID,
      read: (stretch) => readWays(db, BY_ID, ways, stretch, idOf),
      keyOf: idOf,
      count: () =>
        countWays(
          db,
          found.map((statements) => ({ statements })),
        ),
    },
    page,
    async (ids) => (await db.selectFrom("accounts").selectAll().where("id", "in", ids).execute()).map(toListedAccount),
  );
}

/** What a row must be like; `isPossible` is false where no row can be. */
interface Condition {
  readonly isPossible: boolean;
  readonly where: RawBuilder<SqlBool>;
}

function equal(column: string, value: string | number | undefined): Condition | undefined {
  if (value === undefined) return undefined;
  return {
    isPossible: typeof value === "number" ? canBeId(value) : canBeStored(value),
    where: sql`${sql.ref(column)} = ${value}`,
  };
}

function begins(column: string, text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined;
  // Both engines count characters in code points; so does the array.
  const characters = Array.from(text).length;
  return { isPossible: canBeStored(text), where: sql`substr(${sql.ref(column)}, 1, ${characters}) = ${text}` };
}

/** A list that has hundreds of rows, perhaps thousands, but never a million: what matches is looked for by going through it. */
async function pageSmall<Item extends { readonly id: number }>(
  db: Kysely<Database>,
  table: keyof Database,
  conditions: readonly (Condition | undefined)[],
  order: List<unknown>["order"],
  page: PageRequest,
  load: (ids: readonly number[]) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const given = conditions.filter((condition) => condition !== undefined);
  if (!given.every(({ isPossible }) => isPossible)) return NO_PAGE;
  const matches = sql.join([sql`1 = 1`, ...given.map(({ where }) => where)], sql` and `);
  const rows = sql`select id from ${sql.table(table)} where ${matches}`;
  return loadPage(
    {
      order,
      read: (stretch) => readWays(db, order, [{ kind: "along", statements: [rows] }], stretch, idOf),
      keyOf: idOf,
      count: () => countRows(db, rows),
    },
    page,
    load,
  );
}

function idOf({ id }: { readonly id: number }): PageKey {
  return [id];
}

/** A page of ids with what they stand for, in the page's order. */
async function loadPage<Item extends { readonly id: number }>(
  list: List<{ readonly id: number }>,
  page: PageRequest,
  load: (ids: readonly number[]) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const { items, ...rest } = await readPage(list, page);
  if (items.length === 0) return { items: [], ...rest };
  const loaded = await load(items.map(({ id }) => id));
  const byId = new Map(loaded.map((item) => [item.id, item]));
  return { items: items.flatMap(({ id }) => byId.get(id) ?? []), ...rest };
}
