import type { Kysely, Transaction } from "kysely";
import type { ResourceServerStore, ResourceServerTransaction } from "../core/resource-servers/store.ts";
import { canBeId } from "./bounds.ts";
import { equal, hasPart, pageSmall } from "./page-small.ts";
import { BY_ID } from "./pages.ts";
import { findResourceServer, toResourceServer } from "./rows.ts";
import type { Database } from "./schema.ts";

/** Resource servers, outside of changes. */
export function resourceServerStore(db: Kysely<Database>): ResourceServerStore {
  return {
    list: async () =>
      (await db.selectFrom("resource_servers").selectAll().orderBy("id").execute()).map(toResourceServer),
    load: async (id) => {
      if (!canBeId(id)) return undefined;
      const row = await db.selectFrom("resource_servers").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toResourceServer(row);
    },
    find: (name) => findResourceServer(db, name),
    page: ({ status, search }, page) =>
      pageSmall(
        db,
        "resource_servers",
        [equal("status", status), hasPart(["name"], search)],
        BY_ID,
        page,
        async (ids) =>
          (await db.selectFrom("resource_servers").selectAll().where("id", "in", ids).execute()).map(toResourceServer),
      ),
  };
}

/** Resource servers, within a change. */
export function resourceServerTransaction(db: Transaction<Database>): ResourceServerTransaction {
  return {
    find: (name) => findResourceServer(db, name),
    insert: async ({ name, secretHash, createdAtMs }) =>
      toResourceServer(
        await db
          .insertInto("resource_servers")
          .values({ name, status: "active", secret_hash: secretHash, created_at_ms: createdAtMs })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    update: async (id, { status, secretHash, previousSecret }) => {
      await db
        .updateTable("resource_servers")
        .set({
          ...(status !== undefined && { status }),
          ...(secretHash !== undefined && { secret_hash: secretHash }),
          ...(previousSecret !== undefined && {
            previous_secret_hash: previousSecret?.hash ?? null,
            previous_secret_ends_at_ms: previousSecret?.endsAtMs ?? null,
          }),
        })
        .where("id", "=", id)
        .execute();
    },
  };
}
