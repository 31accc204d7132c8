import type { Kysely, Transaction } from "kysely";
import type { AccountStore, AccountTransaction } from "../core/accounts/store.ts";
import { pageAccounts } from "./account-queries.ts";
import { findAccount, findListedAccount, toAccount } from "./rows.ts";
import type { Database } from "./schema.ts";

/** Accounts, outside of changes. */
export function accountStore(db: Kysely<Database>): AccountStore {
  return {
    list: async () => (await db.selectFrom("accounts").selectAll().orderBy("id").execute()).map(toAccount),
    page: (filter, page) => pageAccounts(db, filter, page),
    find: (shortname) => findAccount(db, shortname),
    findListed: (shortname) => findListedAccount(db, shortname),
  };
}

/** Accounts, within a change. */
export function accountTransaction(db: Transaction<Database>): AccountTransaction {
  return {
    find: (shortname) => findAccount(db, shortname),
    insert: async ({ shortname, name, createdAtMs }) =>
      toAccount(
        await db
          .insertInto("accounts")
          .values({ shortname, name, search_name: name.toLowerCase(), status: "active", created_at_ms: createdAtMs })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    setStatus: async (id, status) => {
      await db.updateTable("accounts").set({ status }).where("id", "=", id).execute();
    },
  };
}
