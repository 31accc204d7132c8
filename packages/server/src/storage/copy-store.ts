import { type Kysely, sql, type Transaction } from "kysely";
import { findChainBreak } from "../core/feed/audit-chain.ts";
import type { Store } from "../core/store/store.ts";
import { findLastEvent } from "./events.ts";
import type { Database } from "./schema.ts";
import { toEvent } from "./rows.ts";
import type { SqlStore } from "./sql-store.ts";
import { OperatorError } from "../core/operator-error.ts";

/**
 * The tables that are copied, ordered so that no row refers to a later one. The list of live nodes isn't copied, nor are the attempts
 * to deliver webhooks, which tell what the source has sent, nor counts of refusals. Neither are sessions: a cookie of one store shouldn't be valid in another,
 * so operators sign in again; nor command lines that wait to be signed in. Answered challenges are copied, so that each still works only once, and so are remembered creations, so
 * that a retry doesn't create anything twice.
 */
const TABLES = [
  "accounts",
  "api_users",
  "public_keys",
  "revoked_moduli",
  "key_notices",
  "key_usage",
  "key_usage_hours",
  "account_usage_hours",
  "usage_hours",
  "key_expiries",
  "signing_keys",
  "resource_servers",
  "revoked_tokens",
  "used_assertions",
  "operators",
  "passkeys",
  "used_challenges",
  "recovery_codes",
  "invitations",
  "admin_tokens",
  "webhooks",
  "remembered_creations",
  "audit_events",
] as const satisfies readonly (keyof Database)[];
type Table = (typeof TABLES)[number];

/** The primary keys, by which rows are read in order. */
const KEYS: Readonly<Partial<Record<Table, readonly string[]>>> = {
  revoked_moduli: ["modulus_hash"],
  key_notices: ["key_id", "notice", "about_ms"],
  key_usage: ["key_id"],
  key_usage_hours: ["key_id", "hour_s"],
  account_usage_hours: ["account_id", "hour_s"],
  usage_hours: ["hour_s"],
  key_expiries: ["account_id", "user_id", "key_id", "expires_s"],
  used_challenges: ["hash"],
  recovery_codes: ["operator_id", "code_hash"],
  remembered_creations: ["principal", "key_hash"],
  signing_keys: ["number"],
  audit_events: ["seq"],
};

/** Tables whose ids the database generates. */
const WITH_MADE_IDS: readonly Table[] = [
  "accounts",
  "api_users",
  "public_keys",
  "resource_servers",
  "revoked_tokens",
  "used_assertions",
  "operators",
  "passkeys",
  "invitations",
  "admin_tokens",
  "webhooks",
];

/** Columns that the target computes. */
const MADE_COLUMNS: Readonly<Partial<Record<Table, readonly string[]>>> = { api_users: ["name"] };

const ROWS_PER_READ = 1000;
const EVENTS_PER_READ = 1000;

/** What was copied: the number of rows by table, and the end of the audit log. */
export interface StoreCopy {
  readonly rows: Readonly<Record<Table, number>>;
  readonly lastEvent: Awaited<ReturnType<Store["events"]["last"]>>;
}

/**
 * Copies everything, ids included, from one store into another, empty one, so that keys and tokens keep working.
 *
 * The source can't change meanwhile: the copy holds the lock that every change takes. The target is written in one transaction, which
 * commits only after the counts and the whole hash chain were checked.
 *
 * @throws {OperatorError} if the target isn't empty, or the copy differs
 */
export async function copyStore(source: SqlStore, target: SqlStore): Promise<StoreCopy> {
  return source.withChangesLocked((from) =>
    target.withChangesLocked(async (to) => {
      for (const table of TABLES) {
        if ((await countRows(to, table)) > 0) {
          throw new OperatorError(`the target isn't empty: it has rows in ${table}; copy into a new database`);
        }
      }
      const rows = {} as Record<Table, number>;
      for (const table of TABLES) {
        rows[table] = await copyTable(from, to, table);
        const [expected, copied] = [await countRows(from, table), await countRows(to, table)];
        if (copied !== expected) throw new OperatorError(`${table} has ${expected} rows, but ${copied} were copied`);
      }
      await copyIdentity(from, to);
      for (const table of WITH_MADE_IDS) await target.continueIds(to, table);
      await checkChain(to);
      const lastEvent = (await findLastEvent(to)) ?? { seq: 0, hash: "" };
      if (lastEvent.hash !== ((await findLastEvent(from))?.hash ?? ""))
        throw new OperatorError("the audit logs end differently");
      return { rows, lastEvent };
    }),
  );
}

/** Signing keys derive from the store's id: under another id, no token would be valid in the copy. */
async function copyIdentity(from: Transaction<Database>, to: Transaction<Database>): Promise<void> {
  const identity = await from.selectFrom("store_identity").selectAll().executeTakeFirstOrThrow();
  await to.updateTable("store_identity").set(identity).execute();
}

/** Each table has its own columns; rows read from a table are inserted into the same table of the target. */
async function copyTable(from: Transaction<Database>, to: Transaction<Database>, table: Table): Promise<number> {
  const keys = KEYS[table] ?? ["id"];
  const order = sql.join(keys.map((key) => sql.ref(key)));
  let copied = 0;
  let last: readonly unknown[] | undefined;
  for (;;) {
    const after = last === undefined ? sql`` : sql`where (${order}) > (${sql.join(last)})`;
    const { rows } = await sql<Record<string, unknown>>`
      select * from ${sql.table(table)} ${after} order by ${order} limit ${sql.lit(ROWS_PER_READ)}`.execute(from);
    const end = rows.at(-1);
    if (end === undefined) return copied;
    await to
      .insertInto(table)
      .values(rows.map((row) => withoutMade(table, row)))
      .execute();
    copied += rows.length;
    last = keys.map((key) => end[key]);
  }
}

function withoutMade(table: Table, row: Record<string, unknown>): Record<string, unknown> {
  const made = MADE_COLUMNS[table];
  return made === undefined ? row : Object.fromEntries(Object.entries(row).filter(([name]) => !made.includes(name)));
}

async function countRows(db: Kysely<Database>, table: Table): Promise<number> {
  const { count } = await db
    .selectFrom(table)
    .select((row) => row.fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function checkChain(db: Kysely<Database>): Promise<void> {
  let last: { readonly seq: number; readonly hash: string } | undefined;
  for (;;) {
    const rows = await db
      .selectFrom("audit_events")
      .selectAll()
      .where("seq", ">", last?.seq ?? 0)
      .orderBy("seq")
      .limit(EVENTS_PER_READ)
      .execute();
    if (rows.length === 0) return;
    const events = rows.map(toEvent);
    const found = findChainBreak(events, last);
    if (found !== undefined) throw new OperatorError(`the audit log breaks at event ${found.seq}: ${found.problem}`);
    last = events.at(-1);
  }
}
