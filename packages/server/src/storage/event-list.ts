import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import type { EventFilter } from "../core/feed/store.ts";
import type { Page, PageRequest } from "../core/store/page.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { goThrough } from "./go-through.ts";
import { type ListOrder, NO_PAGE, readPage } from "./pages.ts";
import { toEvent } from "./rows.ts";
import type { Database } from "./schema.ts";
import { canBeSought, contains, soughtTexts } from "./search-text.ts";
import { takeTurn } from "./take-turn.ts";

const NEWEST_FIRST: ListOrder = { columns: [{ name: "seq", holds: "seq" }], isDescending: true };

/**
 * How far clocks may differ, or be set back, before a page misses an event, in milliseconds. The larger it is, the more rows a page
 * reads that don't match.
 */
const CLOCK_SLACK_MS = 3_600_000;

/** A page of the audit log. */
export async function pageEvents(
  db: Kysely<Database>,
  filter: EventFilter,
  page: PageRequest,
): Promise<Page<AuditEvent>> {
  const { accountId, actor = "", actorPart = "", subject = "", action = "" } = filter;
  if (accountId !== undefined && !canBeId(accountId)) return NO_PAGE;
  if (!canBeSought(actorPart) || !canBeStored(actor + subject + action)) return NO_PAGE;
  const times = await timeConditions(db, filter);
  if (times === undefined) return NO_PAGE;
  const keyOf = ({ seq }: { readonly seq: number }) => [seq];
  const { ranges, isMatch } = await partlyNamed(db, filter, times);
  if (ranges.length === 0) return NO_PAGE;
  const list = { order: NEWEST_FIRST, ranges };
  const { items, ...rest } =
    isMatch === undefined ? await readPage(db, list, keyOf, page) : await goThrough(db, list, keyOf, { isMatch }, page);
  const seqs = items.map(({ seq }) => seq);
  return { items: await loadEvents(db, seqs), ...rest };
}

type Conditions = readonly RawBuilder<SqlBool>[];

/** The most ranges that are merged in one statement. On SQLite everything else waits meanwhile. */
const RANGES_MAX = 40;

/** How many actors are looked at for a part of a name, and how many in one statement. On SQLite everything else waits meanwhile. */
const ACTORS_MAX = 10_000;
const ACTORS_PER_READ = 500;

interface FoundRanges {
  readonly ranges: readonly RawBuilder<unknown>[];
  /** What events of these ranges must meet besides. */
  readonly isMatch?: RawBuilder<SqlBool>;
}

/**
 * The ranges of events whose actor's name has a part. All events of a subject are looked at, since it has few. Few actors are looked up
 * by name; where too many match or exist, the log is gone through.
 */
async function partlyNamed(db: Kysely<Database>, filter: EventFilter, times: Conditions): Promise<FoundRanges> {
  const { actorPart = "", ...others } = filter;
  if (actorPart === "" || others.actor !== undefined) return { ranges: await rangesOf(db, others, times) };
  const isMatch = contains("actor", soughtTexts(actorPart));
  if (others.subject !== undefined) return { ranges: await rangesOf(db, others, [...times, isMatch]) };
  const actors = await findActors(db, others.accountId, isMatch);
  const ranges: RawBuilder<unknown>[] = [];
  for (const actor of actors ?? []) {
    ranges.push(...(await rangesOf(db, { ...others, actor }, times)));
    if (ranges.length > RANGES_MAX) break;
  }
  if (actors !== undefined && ranges.length <= RANGES_MAX) return { ranges };
  return { ranges: await rangesOf(db, others, times), isMatch };
}

/** Those of all actors that match, by one index lookup each; `undefined` if there are too many. */
async function findActors(
  db: Kysely<Database>,
  accountId: number | undefined,
  isMatch: RawBuilder<SqlBool>,
): Promise<readonly string[] | undefined> {
  const given = accountId === undefined ? [] : [sql<SqlBool>`account_id = ${accountId}`];
  const next = (after: RawBuilder<SqlBool>) => sql`
    (select actor from audit_events where ${all([...given, after])} order by actor limit 1)`;
  const matching: string[] = [];
  let last = "";
  for (let seen = 0; seen < ACTORS_MAX; seen += ACTORS_PER_READ) {
    const { rows } = await sql<{ actor: string; matches: boolean | number }>`
      with recursive found (actor, step) as (
        select ${next(sql`actor > ${last}`)}, 1
        union all
        select ${next(sql`actor > found.actor`)}, step + 1 from found
          where found.actor is not null and step < ${sql.lit(ACTORS_PER_READ)}
      )
      select actor, ${isMatch} as matches from found where actor is not null order by step`.execute(db);
    matching.push(...rows.filter(({ matches }) => Boolean(matches)).map(({ actor }) => actor));
    last = rows.at(-1)?.actor ?? "";
    if (rows.length < ACTORS_PER_READ) return matching;
    await takeTurn();
  }
  return undefined;
}

/**
 * The matching events as ranges of an index that ends with `seq`: one range for each action, limited to the account and the actor
 * if given. A subject has few events, so all of them are read.
 */
async function rangesOf(
  db: Kysely<Database>,
  { accountId, actor, subject, action }: EventFilter,
  times: Conditions,
): Promise<readonly RawBuilder<unknown>[]> {
  const given = Object.entries({ account_id: accountId, actor }).flatMap(([column, value]) =>
    value === undefined ? [] : [sql<SqlBool>`${sql.ref(column)} = ${value}`],
  );
  if (subject !== undefined) {
    const actions = action === undefined ? [] : [isAction(action)];
    return [
      sql`from (
        with of_subject as materialized (select * from audit_events where subject = ${subject}) select * from of_subject
      ) as of_subject where ${all([...given, ...actions, ...times])}`,
    ];
  }
  if (actor === undefined && action === undefined) return [sql`from audit_events where ${all([...given, ...times])}`];
  const actions = await actionsOf(db, action, given);
  return actions.map((each) => sql`from audit_events where ${all([...given, sql`action = ${each}`, ...times])}`);
}

function all(conditions: Conditions): RawBuilder<SqlBool> {
  return conditions.length === 0 ? sql`1 = 1` : sql`${sql.join(conditions, sql` and `)}`;
}

/** Matches the action of this name, and those whose names continue it after a dot. */
function isAction(name: string): RawBuilder<SqlBool> {
  if (name.includes(".")) return sql`action = ${name}`;
  return sql`action >= ${`${name}.`} and action < ${`${name}/`}`;
}

/** The distinct actions of the matching events, of this name or with this prefix. Takes one index lookup for each action. */
async function actionsOf(
  db: Kysely<Database>,
  name: string | undefined,
  given: Conditions,
): Promise<readonly string[]> {
  if (name?.includes(".") === true) return [name];
  // One lower bound at a time: with two, an engine may start at the lower one and scan all events in between.
  const first = name === undefined ? [] : [sql<SqlBool>`action >= ${`${name}.`}`];
  const end = name === undefined ? [] : [sql<SqlBool>`action < ${`${name}/`}`];
  const next = (after: Conditions) => sql`
    (select action from audit_events where ${all([...given, ...after, ...end])} order by action limit 1)`;
  const { rows } = await sql<{ action: string }>`
    with recursive found (action) as (
      select ${next(first)}
      union all
      select ${next([sql`action > found.action`])} from found where found.action is not null
    )
    select action from found where action is not null`.execute(db);
  return rows.map(({ action }) => action);
}

/**
 * Limits the log to a range of times. The log is in the order of commits, and its times come from the nodes' clocks, so they are
 * almost in order. The bounds are first located in the log, with slack for wrong clocks; within that range each event's own time
 * is compared.
 *
 * @returns `undefined` if no time can match
 */
async function timeConditions(db: Kysely<Database>, { fromMs, untilMs }: EventFilter): Promise<Conditions | undefined> {
  const conditions: RawBuilder<SqlBool>[] = [];
  if (fromMs !== undefined) {
    if (Number.isNaN(fromMs)) return undefined;
    const from = toStorable(fromMs);
    const { before } = await placeOf(db, toStorable(from - CLOCK_SLACK_MS));
    conditions.push(sql`seq > ${before}`, sql`at_ms >= ${from}`);
  }
  if (untilMs !== undefined) {
    if (Number.isNaN(untilMs)) return undefined;
    const until = toStorable(untilMs);
    const { after } = await placeOf(db, toStorable(until + CLOCK_SLACK_MS));
    conditions.push(sql`seq < ${after}`, sql`at_ms < ${until}`);
  }
  return conditions;
}

/** The whole number that gives the same comparisons as the time, since events' times are whole numbers. */
function toStorable(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/**
 * Finds a time in the log by binary search: two neighbours, of which the first is earlier than the time and the second isn't. The
 * numbers of events have no gaps; 0 stands for the place before the first event, and the last number plus one for the place after
 * the last.
 */
async function placeOf(
  db: Kysely<Database>,
  atMs: number,
): Promise<{ readonly before: number; readonly after: number }> {
  const { rows } = await sql<{ before: number; after: number }>`
    with recursive halves (low, high) as (
      select cast(0 as bigint), coalesce(max(seq), 0) + 1 from audit_events
      union all
      select
        case when at_ms < ${atMs} then seq else low end,
        case when at_ms < ${atMs} then high else seq end
      from halves join audit_events on seq = (low + high) / 2 where high - low > 1
    )
    select low as before, high as after from halves where high - low <= 1`.execute(db);
  return rows[0] ?? { before: 0, after: Number.MAX_SAFE_INTEGER };
}

async function loadEvents(db: Kysely<Database>, seqs: readonly number[]): Promise<readonly AuditEvent[]> {
  if (seqs.length === 0) return [];
  const rows = await db.selectFrom("audit_events").selectAll().where("seq", "in", seqs).execute();
  const bySeq = new Map(rows.map((row) => [row.seq, toEvent(row)]));
  return seqs.flatMap((seq) => bySeq.get(seq) ?? []);
}
