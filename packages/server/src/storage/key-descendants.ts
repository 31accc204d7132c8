import { type Kysely, sql } from "kysely";
import type { KeyId } from "../core/keys/model.ts";
import type { KeyDescendants } from "../core/keys/store.ts";
import { canBeId } from "./bounds.ts";
import { pageSmall } from "./page-small.ts";
import { NEWEST_FIRST } from "./pages.ts";
import { selectKeys, toKey } from "./rows.ts";
import type { Database } from "./schema.ts";

/** The keys that a key rotated in, directly or by others. */
export function keyDescendants(db: Kysely<Database>): KeyDescendants {
  const load = (ids: readonly number[]) => selectKeys(db).where("public_keys.id", "in", ids).execute();
  return {
    listRotatedFrom: async (keyId) =>
      canBeId(keyId)
        ? (await selectKeys(db).where("public_keys.rotated_from", "=", keyId).orderBy("public_keys.id").execute()).map(
            toKey,
          )
        : [],
    listDescendants: async (keyId) =>
      canBeId(keyId)
        ? (
            await selectKeys(db)
              .where("public_keys.id", "in", descendantIds(keyId))
              .where("public_keys.id", "!=", keyId)
              .orderBy("public_keys.id")
              .execute()
          ).map(toKey)
        : [],
    pageDescendants: (keyId, page) =>
      pageSmall(
        db,
        "public_keys",
        [{ isPossible: canBeId(keyId), where: sql`id in ${descendantIds(keyId)} and id <> ${keyId}` }],
        NEWEST_FIRST,
        page,
        async (ids) => (await load(ids)).map(toKey),
      ),
  };
}

/** `union` drops ids that were found already, so that it ends even if a row was changed into a circle. */
function descendantIds(keyId: KeyId) {
  return sql<KeyId>`(with recursive descendants (id) as (
    select id from public_keys where rotated_from = ${keyId}
    union select child.id from public_keys child join descendants on child.rotated_from = descendants.id
  ) select id from descendants)`;
}
