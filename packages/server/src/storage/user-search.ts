/** Searches API users by any part of what people call them, and by their keys. */
import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { Page, PageKey, PageRequest } from "../core/store/page.ts";
import { KEY_PREFIX_MIN } from "../core/users/store.ts";
import { beginningWith } from "./bounds.ts";
import type { Engine } from "./engine.ts";
import { goThrough } from "./go-through.ts";
import {
  canBeKey,
  COUNTED_MAX,
  inDirection,
  type List,
  type ListOrder,
  NO_PAGE,
  pageOf,
  readingWords,
} from "./pages.ts";
import type { Database } from "./schema.ts";
import { anyOf, contains, soughtTexts } from "./search-text.ts";

/** A list of users in which something is searched for. */
interface SearchedList<Row> {
  /** All users that pass the filter, in the list's order. */
  readonly list: List;
  readonly keyOf: (row: Row) => PageKey;
  /** The filter, without the search. */
  readonly conditions: RawBuilder<SqlBool>;
  /** The one of them by which an index holds either the archived users or the others. */
  readonly isKept: RawBuilder<SqlBool>;
  /** Does the filter leave out no more than what few users are? They are then gone through in their table, which is faster. */
  readonly hasMost: boolean;
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
  const { list, keyOf, conditions, isKept, hasMost } = searched;
  const found: RawBuilder<unknown>[] = [];
  const sought: RawBuilder<SqlBool>[] = [];
  for (const { candidates, isMatch } of partsOf(engine, search, isKept)) {
    if (candidates !== undefined && (await isFew(db, candidates))) {
      found.push(sql`select id from api_users where id in (${candidates}) and ${isMatch}`);
    } else sought.push(isMatch);
  }
  const { order } = inDirection(list, page.isReversed);
  const known = found.length === 0 ? [] : await loadInOrder<Row>(db, order, found, conditions);
  if (sought.length === 0) {
    const isPossible = page.from === undefined || canBeKey(order, page.from.key);
    return isPossible ? pageOf(known, order, keyOf, page) : { ...NO_PAGE, count: Math.min(known.length, COUNTED_MAX) };
  }
  const isMatch = anyOf(sought);
  const isById = order.columns.length === 1;
  if (!hasMost || !isById) return await goThrough(db, list, keyOf, { isMatch, known }, page);
  const everybody = { order: list.order, ranges: [sql`from api_users where 1 = 1`] };
  return await goThrough(db, everybody, keyOf, { isMatch: sql`${conditions} and ${isMatch}`, known }, page);
}

/** A cross join, since SQLite keeps its order: it would rather begin with all users of a status than with the few that were found. */
async function loadInOrder<Row>(
  db: Kysely<Database>,
  order: ListOrder,
  found: readonly RawBuilder<unknown>[],
  conditions: RawBuilder<SqlBool>,
): Promise<readonly Row[]> {
  const { columns, orderBy } = readingWords(order, false);
  const { rows } = await sql<Row>`
    with found (user_id) as materialized (${sql.join(found, sql` union `)})
    select ${columns} from found cross join api_users where id = user_id and ${conditions} order by ${orderBy}`.execute(
    db,
  );
  return rows;
}

/** @param isKept are users archived, or not? */
function partsOf(engine: Engine, search: string, isKept: RawBuilder<SqlBool>): readonly Part[] {
  const texts = soughtTexts(search);
  const like = (column: string) => contains(column, texts);
  const withRuns = (of: "users" | "labels") =>
    texts.every((text) => text.runs.length > 0) ? texts.map((text) => engine.idsWithRuns(of, text.runs)) : undefined;
  const oneOf = (selections: readonly RawBuilder<unknown>[]) =>
    sql`select id from (${sql.join(
      selections.map((selection) => sql`select id from (${selection}) as spelling`),
      sql` union all `,
    )}) as spellings`;
  const users = withRuns("users");
  const labels = withRuns("labels");
  const accounts = sql`select id from accounts where ${anyOf([like("shortname"), like("search_name")])}`;
  const keysWith = (condition: RawBuilder<SqlBool>) => sql<SqlBool>`exists (
    select 1 from public_keys where public_keys.user_id = api_users.id and ${condition})`;
  return [
    { ...(users && { candidates: oneOf(users) }), isMatch: anyOf([like("username"), like("display_name")]) },
    {
      // Not with the whole filter, by which SQLite would look for them instead of by their account.
      candidates: sql`select id from api_users where ${isKept} and account_id in (${accounts})`,
      isMatch: sql`account_id in (${accounts})`,
    },
    {
      ...(labels && { candidates: sql`select user_id as id from public_keys where id in (${oneOf(labels)})` }),
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
