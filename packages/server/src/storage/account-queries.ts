import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { AccountStore, ListedAccount } from "../core/accounts/store.ts";
import type { Page, PageRequest } from "../core/store/page.ts";
import { beginningWith, canBeId, canBeStored } from "./bounds.ts";
import { idOf, loadPage } from "./page-small.ts";
import { BY_ID, countWays, findWay, NO_PAGE, readWays } from "./pages.ts";
import { toListedAccount } from "./rows.ts";
import type { Database } from "./schema.ts";

const ACCOUNTS = sql`select id from accounts`;

export async function pageAccounts(
  db: Kysely<Database>,
  { accountId, status, search = "" }: Parameters<AccountStore["page"]>[0],
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
