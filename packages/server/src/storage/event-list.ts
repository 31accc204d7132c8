import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import type { EventFilter } from "../core/feed/store.ts";
import type { Page, PageRequest } from "../core/store/page.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { type ListOrder, NO_PAGE, readPage } from "./pages.ts";
import { toEvent } from "./rows.ts";
import type { Database } from "./schema.ts";

const NEWEST_FIRST: ListOrder = { columns: [{ name: "seq", holds: "seq" }], isDescending: true };

/** By how much clocks may differ, or be set back, without a page's missing an event, in milliseconds. Rows for so long are read in vain. */
const CLOCK_SLACK_MS = 3_600_000;

/** A page of the audit log. */
export async function pageEvents(
  db: Kysely<Database>,
  filter: EventFilter,
  page: PageRequest,
): Promise<Page<AuditEvent>> {
  const { accountId, actor = "", subject = "", action = "" } = filter;
  if ((accountId !== undefined && !canBeId(accountId)) || !canBeStored(actor + subject + action)) return NO_PAGE;
  const times = await timeConditions(db, filter);
  if (times === undefined) return NO_PAGE;
  const ranges = await rangesOf(db, filter, times);
  if (ranges.length === 0) return NO_PAGE;
  const keyOf = ({ seq }: { readonly seq: number }) => [seq];
  const { items, ...rest } = await readPage(db, { order: NEWEST_FIRST, ranges }, keyOf, page);
  const seqs = items.map(({ seq }) => seq);
  return { items: await loadEvents(db, seqs), ...rest };
}

type Conditions = readonly RawBuilder<SqlBool>[];

/**
 * The events that match, as ranges of an index that ends with `seq`: those of an account and an actor, each if given, one range an
 * action. A subject has few events, so all of them are read.
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

/** An action of this name, or one that begins with it up to a dot. */
function isAction(name: string): RawBuilder<SqlBool> {
  if (name.includes(".")) return sql`action = ${name}`;
  return sql`action >= ${`${name}.`} and action < ${`${name}/`}`;
}

/** The actions that those events have which match, of this name or of those that begin with it; one look into an index for each. */
async function actionsOf(
  db: Kysely<Database>,
  name: string | undefined,
  given: Conditions,
): Promise<readonly string[]> {
  if (name?.includes(".") === true) return [name];
  // One lower bound at a time: with two, an engine may start at the lower one and go through all events between.
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
 * The log is in the order of commits, and its times are the nodes' clocks: almost in the same order. So a time is looked up to find
 * about where in the log it is, with room for clocks that were wrong, and within that every event's own time counts.
 *
 * @returns nothing where no time can match
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

/** A whole number that compares as the time does: no event's time has a fraction. */
function toStorable(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/**
 * Where in the log a time is, found by halving: two neighbours, of which one is earlier and the other isn't. There are no gaps
 * between the numbers of events; before the first and after the last one are 0 and one more.
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
  const rows = await db
    .selectFrom("audit_events")
    .selectAll()
    .where("seq", "in", seqs)
    .orderBy("seq", "desc")
    .execute();
  return rows.map(toEvent);
}
