import { type Kysely, type RawBuilder, sql, type SqlBool } from "kysely";
import type { EventFilter } from "../core/feed/store.ts";
import type { Page, PageRequest } from "../core/store/page.ts";
import type { AuditEvent } from "../core/feed/audit-chain.ts";
import { canBeId, canBeStored } from "./bounds.ts";
import { COUNTED_MAX, countRows, countWays, type ListOrder, NO_PAGE, readPage, readWays } from "./pages.ts";
import { toEvent } from "./rows.ts";
import type { Database } from "./schema.ts";

const NEWEST_FIRST: ListOrder = { columns: [{ name: "seq", holds: "seq" }], isDescending: true };

/** By how much clocks may differ, or be set back, without a page's missing an event, in milliseconds. Rows for so long are read in vain. */
const CLOCK_SLACK_MS = 3_600_000;

const ROWS = sql`select seq from audit_events`;

export async function pageEvents(
  db: Kysely<Database>,
  filter: EventFilter,
  page: PageRequest,
): Promise<Page<AuditEvent>> {
  const { accountId, actor = "", subject = "", action = "" } = filter;
  if ((accountId !== undefined && !canBeId(accountId)) || !canBeStored(actor + subject + action)) return NO_PAGE;
  const times = await timeConditions(db, filter);
  if (times === undefined) return NO_PAGE;
  const actions = filter.action === undefined ? [undefined] : await actionsOf(db, filter.action);
  if (actions.length === 0) return NO_PAGE;
  const statements = [];
  for (const each of actions) statements.push(await statementOf(db, { ...filter, action: each }, times));
  const way = { kind: "along", statements } as const;
  const keyOf = ({ seq }: { readonly seq: number }) => [seq];
  const { items, ...rest } = await readPage<{ seq: number }>(
    {
      order: NEWEST_FIRST,
      read: (stretch) => readWays(db, NEWEST_FIRST, [way], stretch, keyOf),
      keyOf,
      count: () => countWays(db, [way]),
    },
    page,
  );
  return {
    items: await loadEvents(
      db,
      items.map(({ seq }) => seq),
    ),
    ...rest,
  };
}

/**
 * The log is in the order of commits, and its times are the nodes' clocks: almost in the same order. So a time is looked up to find
 * about where in the log it is, with room for clocks that were wrong, and within that every event's own time counts.
 *
 * @returns nothing where no time can match
 */
async function timeConditions(
  db: Kysely<Database>,
  { fromMs, untilMs }: EventFilter,
): Promise<readonly RawBuilder<SqlBool>[] | undefined> {
  const conditions: RawBuilder<SqlBool>[] = [];
  if (fromMs !== undefined) {
    if (Number.isNaN(fromMs)) return undefined;
    const from = toStorable(fromMs);
    const [before] = await seqsAt(db, sql`at_ms < ${toStorable(from - CLOCK_SLACK_MS)} order by at_ms desc, seq desc`);
    if (before !== undefined) conditions.push(sql`seq > ${before}`);
    conditions.push(sql`at_ms + 0 >= ${from}`);
  }
  if (untilMs !== undefined) {
    if (Number.isNaN(untilMs)) return undefined;
    const until = toStorable(untilMs);
    const [after] = await seqsAt(db, sql`at_ms >= ${toStorable(until + CLOCK_SLACK_MS)} order by at_ms, seq`);
    if (after !== undefined) conditions.push(sql`seq < ${after}`);
    conditions.push(sql`at_ms + 0 < ${until}`);
  }
  return conditions;
}

/** A whole number that compares as the time does: no event's time has a fraction. */
function toStorable(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

async function seqsAt(db: Kysely<Database>, condition: RawBuilder<unknown>): Promise<readonly number[]> {
  const { rows } = await sql<{ seq: number }>`${ROWS} where ${condition} limit 1`.execute(db);
  return rows.map(({ seq }) => seq);
}

/** The actions that there are in the log of this name, or of those that begin with it up to a dot; one look for each. */
async function actionsOf(db: Kysely<Database>, name: string): Promise<readonly string[]> {
  if (name.includes(".")) return [name];
  const next = (after: RawBuilder<unknown>) => sql`
    (select action from audit_events where ${after} and action < ${`${name}/`} order by action limit 1)`;
  const { rows } = await sql<{ action: string }>`
    with recursive found (action) as (
      select ${next(sql`action >= ${`${name}.`}`)}
      union all
      select ${next(sql`action > found.action`)} from found where found.action is not null
    )
    select action from found where action is not null`.execute(db);
  return rows.map(({ action }) => action);
}

/** The columns that a filter compares, each with an index of its own, in the list's order. */
type Compared = readonly [column: string, value: string | number];

/**
 * Events that match, in the list's order by one index: that of the filter that the fewest events match. The others are compared in
 * a way that no index helps with, so that no engine takes another.
 */
async function statementOf(
  db: Kysely<Database>,
  { accountId, actor, subject, action }: EventFilter,
  times: readonly RawBuilder<SqlBool>[],
): Promise<RawBuilder<unknown>> {
  const compared: Compared[] = [];
  if (subject !== undefined) compared.push(["subject", subject]);
  if (accountId !== undefined) compared.push(["account_id", accountId]);
  if (actor !== undefined) compared.push(["actor", actor]);
  if (action !== undefined) compared.push(["action", action]);
  const driving = await chooseDriving(db, compared);
  const conditions = compared.map((one) => {
    const [column, value] = one;
    if (driving.includes(one)) return sql<SqlBool>`${sql.ref(column)} = ${value}`;
    return typeof value === "number"
      ? sql<SqlBool>`${sql.ref(column)} + 0 = ${value}`
      : sql<SqlBool>`${sql.ref(column)} || '' = ${value}`;
  });
  return sql`${ROWS} where ${sql.join([sql`1 = 1`, ...conditions, ...times], sql` and `)}`;
}

/** What has one index together: an account with an action or an actor. */
async function chooseDriving(db: Kysely<Database>, compared: readonly Compared[]): Promise<readonly Compared[]> {
  const choices = drivingChoices(compared);
  let [best = []] = choices;
  if (choices.length === 1) return best;
  let fewest = COUNTED_MAX;
  for (const choice of choices) {
    const conditions = choice.map(([column, value]) => sql`${sql.ref(column)} = ${value}`);
    const count = await countRows(db, sql`${ROWS} where ${sql.join(conditions, sql` and `)}`);
    if (count < fewest) [best, fewest] = [choice, count];
  }
  return best;
}

function drivingChoices(compared: readonly Compared[]): readonly (readonly Compared[])[] {
  const account = compared.find(([column]) => column === "account_id");
  const others = compared.filter(([column]) => column !== "account_id");
  if (account === undefined || others.length === 0) return compared.map((one) => [one]);
  return others.map((one) => (one[0] === "subject" ? [one] : [account, one]));
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
