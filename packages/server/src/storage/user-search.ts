/** Searches API users by any part of what people call them, and by their keys. */
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import { KEY_PREFIX_MIN } from "../core/users/store.ts";
import { beginningWith } from "./bounds.ts";
import type { Engine } from "./engine.ts";
import { goThrough } from "./go-through.ts";
import { COUNTED_MAX, inDirection, type List, pageOf } from "./pages.ts";
import type { Database } from "./schema.ts";
import { anyOf, contains, soughtTexts } from "./search-text.ts";

/** A list of users in which something is searched for. */
interface SearchedList<Row> {
  /** All users that pass the filter, in the list's order. */
  readonly list: List;
  readonly keyOf: (row: Row) => PageKey;
  /** The filter, without the search. */
  readonly conditions: RawBuilder<SqlBool>;
}

/** One of the things that a search looks at. */
interface Part {
  /** Selects the `id` of all users that match, and perhaps of others; absent if no index has them. */
  readonly candidates?: RawBuilder<unknown>;
  /** Does a row of `api_users` match? */
  readonly isMatch: RawBuilder<SqlBool>;
}

/**
 * A page of the users that a search finds.
 *
 * What an index finds is gathered and put in order, unless it is more than a list counts. A text that more users have, or that is too
 * short for an index, is looked for by going through the list in its order: what many have is found soon.
 */
export async function searchUsers<Row extends { readonly id: number }>(
  db: Kysely<Database>,
  engine: Engine,
  searched: SearchedList<Row>,
  search: string,
  page: PageRequest,
): Promise<Page<Row>> {
  const found: RawBuilder<unknown>[] = [];
  const sought: RawBuilder<SqlBool>[] = [];
  for (const { candidates, isMatch } of partsOf(engine, search)) {
    if (candidates !== undefined && (await isFew(db, candidates))) {
      found.push(sql`select id from api_users where id in (${candidates}) and ${isMatch}`);
    } else sought.push(isMatch);
  }
  if (sought.length > 0) {
    const isMatch = anyOf([...sought, ...found.map((ids) => sql<SqlBool>`id in (${ids})`)]);
    return goThrough(db, "api_users", searched.list, searched.keyOf, isMatch, page);
  }
  const { keyOf, conditions } = searched;
  const list = inDirection(searched.list, page.isReversed);
  const columns = list.order.columns.map(({ name }) => sql.ref(name));
  const { rows } = await sql<Row>`
    with found as materialized (${sql.join(found, sql` union `)})
    select ${sql.join(columns)} from api_users where id in (select id from found) and ${conditions}
    order by ${sql.join(list.order.isDescending ? columns.map((column) => sql`${column} desc`) : columns)}`.execute(db);
  return pageOf(rows, list.order, keyOf, page);
}

function partsOf(engine: Engine, search: string): readonly Part[] {
  const texts = soughtTexts(search);
  const like = (column: string) => contains(column, texts);
  const runs = (of: "users" | "labels") =>
    texts.every((text) => text.runs.length > 0)
      ? sql`select id from (${sql.join(
          texts.map((text) => sql`select id from (${engine.idsWithRuns(of, text.runs)}) as spelling`),
          sql` union all `,
        )}) as ${sql.ref(of)}`
      : undefined;
  const users = runs("users");
  const labels = runs("labels");
  const accounts = sql`select id from accounts where ${anyOf([like("shortname"), like("search_name")])}`;
  const keysWith = (condition: RawBuilder<SqlBool>) => sql<SqlBool>`exists (
    select 1 from public_keys where public_keys.user_id = api_users.id and ${condition})`;
  return [
    { ...(users && { candidates: users }), isMatch: anyOf([like("username"), like("display_name")]) },
    {
      candidates: sql`select id from api_users where account_id in (${accounts})`,
      isMatch: sql`account_id in (${accounts})`,
    },
    {
      ...(labels && { candidates: sql`select user_id as id from public_keys where id in (${labels})` }),
      isMatch: keysWith(like("label")),
    },
    ...keyPrefixes(search).map(({ column, prefix }) => {
      const { from, until } = beginningWith(prefix);
      const begins = sql<SqlBool>`${sql.ref(column)} >= ${from} and ${sql.ref(column)} < ${until}`;
      return { candidates: sql`select user_id as id from public_keys where ${begins}`, isMatch: keysWith(begins) };
    }),
  ];
}

/** The beginnings of fingerprints and thumbprints that a search may mean. */
function keyPrefixes(search: string): readonly { readonly column: string; readonly prefix: string }[] {
  const [, label = "", digest = ""] = /^(SHA256:)?([A-Za-z0-9+/_-]*)$/.exec(search) ?? [];
  if (digest.length < KEY_PREFIX_MIN) return [];
  const fingerprint = { column: "fingerprint", prefix: `SHA256:${digest}` };
  return label === "" ? [fingerprint, { column: "thumbprint", prefix: digest }] : [fingerprint];
}

/** Are there at most as many as a list counts? */
async function isFew(db: Kysely<Database>, ids: RawBuilder<unknown>): Promise<boolean> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (select id from (${ids}) as ids limit ${sql.lit(COUNTED_MAX)}) as counted`.execute(
    db,
  );
  return Number(rows[0]?.count) < COUNTED_MAX;
}
