import type { Kysely, Transaction } from "kysely";
import type { AccountOrder, AccountStore, AccountTransaction } from "../core/accounts/store.ts";
import { archived, equal, hasPart, pageSmall } from "./page-small.ts";
import { BY_ID, type ListOrder } from "./pages.ts";
import { findAccount, findListedAccount, toAccount, toListedAccount } from "./rows.ts";
import type { Database } from "./schema.ts";

const ORDERS: Readonly<Record<AccountOrder, ListOrder>> = {
  created: BY_ID,
  shortname: {
    columns: [
      { name: "shortname", holds: "text" },
      { name: "id", holds: "id" },
    ],
    isDescending: false,
  },
};

/** Accounts, outside of changes. */
export function accountStore(db: Kysely<Database>): AccountStore {
  return {
    list: async () => (await db.selectFrom("accounts").selectAll().orderBy("id").execute()).map(toAccount),
    page: ({ accountId, status, archived: isArchive, search }, page, order = "created") => {
      const conditions = [
        equal("id", accountId),
        equal("status", status),
        archived(isArchive),
        hasPart(["shortname", "search_name"], search),
      ];
      return pageSmall(db, "accounts", conditions, ORDERS[order], page, async (ids) =>
        (await db.selectFrom("accounts").selectAll().where("id", "in", ids).execute()).map(toListedAccount),
      );
    },
    find: (shortname) => findAccount(db, shortname),
    findListed: (shortname) => findListedAccount(db, shortname),
  };
}

/** Accounts, within a change. */
export function accountTransaction(db: Transaction<Database>): AccountTransaction {
  return {
    find: (shortname) => findAccount(db, shortname),
    insert: async ({ shortname, name, createdAtMs, description = null, contact = null }) => {
      const named = { shortname, name, search_name: name.toLowerCase(), description, contact };
      return toAccount(
        await db
          .insertInto("accounts")
          .values({ ...named, status: "active", created_at_ms: createdAtMs })
          .returningAll()
          .executeTakeFirstOrThrow(),
      );
    },
    setStatus: async (id, status) => {
      await db.updateTable("accounts").set({ status }).where("id", "=", id).execute();
    },
    update: async (id, { name, keyAgeMaxSeconds, description, contact, archivedAtMs }) => {
      const named = { name, search_name: name.toLowerCase(), key_age_max_s: keyAgeMaxSeconds };
      const values = { ...named, description, contact, archived_at_ms: archivedAtMs };
      await db.updateTable("accounts").set(values).where("id", "=", id).execute();
    },
  };
}
