import { type Kysely, sql } from "kysely";

/** What this migration needs to know about the engine. */
interface Engine {
  readonly autoIncrementId: string;
  readonly binary: string;
  /** The clause that makes a text column order by bytes; empty if the engine does so by default. */
  readonly orderedByBytes: string;
  /** The keyword of a computed column: stored, or computed when read. */
  readonly generated: string;
  /** SQL for a text member of a JSON object; null if the member is missing, or the column isn't JSON. */
  readonly jsonText: (column: string, member: string) => string;
}

const ACCOUNTS_PER_READ = 1000;

/**
 * Operators and their credentials, admin tokens, and usage figures; and the columns and indexes by which each page of a list of a
 * million API users, or of their events, is found in an index.
 */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  if (engine.orderedByBytes !== "") await orderByBytes(db, engine);
  await addOperators(db, engine);
  await addAdminTokens(db, engine);
  await changeAccounts(db, engine);
  await changeUsers(db, engine);
  await changeEvents(db, engine);
  await addUsage(db);
}

/** An index finds prefixes only if it is ordered by bytes. It also gives all engines the same order. */
async function orderByBytes(db: Kysely<unknown>, engine: Engine): Promise<void> {
  for (const [table, column] of [
    ["accounts", "shortname"],
    ["api_users", "username"],
    ["audit_events", "action"],
  ] as const) {
    await sql`alter table ${sql.table(table)}
      alter column ${sql.ref(column)} type text ${sql.raw(engine.orderedByBytes)}`.execute(db);
  }
}

async function addOperators(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const id = sql.raw(engine.autoIncrementId);
  await sql`create table operators (
    id ${id},
    email text not null unique,
    role text not null check (role in ('viewer', 'admin', 'owner')),
    account_id integer references accounts (id) on delete restrict,
    status text not null check (status in ('active', 'deactivated')),
    password_hash text,
    federated_issuer text,
    federated_subject text,
    created_at_ms bigint not null,
    last_signed_in_at_ms bigint,
    unique (federated_issuer, federated_subject),
    check ((federated_issuer is null) = (federated_subject is null))
  )`.execute(db);
  await sql`create table operator_sessions (
    id ${id},
    operator_id integer not null references operators (id) on delete restrict,
    secret_hash text not null unique,
    method text not null check (method in ('passkey', 'password', 'recovery_code', 'single_sign_on', 'link')),
    created_at_ms bigint not null,
    last_seen_at_ms bigint not null,
    user_agent text not null,
    address text not null
  )`.execute(db);
  await sql`create index operator_sessions_operator on operator_sessions (operator_id)`.execute(db);
  await sql`create table passkeys (
    id ${id},
    operator_id integer not null references operators (id) on delete restrict,
    credential_id text not null unique,
    public_key ${sql.raw(engine.binary)} not null,
    counter bigint not null,
    relying_party text not null,
    transports text not null,
    label text not null,
    created_at_ms bigint not null,
    last_used_at_ms bigint
  )`.execute(db);
  await sql`create index passkeys_operator on passkeys (operator_id)`.execute(db);
  await sql`create table used_challenges (
    hash text primary key,
    expires_at_ms bigint not null
  )`.execute(db);
  await sql`create index used_challenges_expiry on used_challenges (expires_at_ms)`.execute(db);
  await sql`create table recovery_codes (
    operator_id integer not null references operators (id) on delete restrict,
    code_hash text not null,
    primary key (operator_id, code_hash)
  )`.execute(db);
  await sql`create table invitations (
    id ${id},
    kind text not null check (kind in ('setup', 'invitation', 'reset')),
    secret_hash text not null unique,
    email text,
    role text not null check (role in ('viewer', 'admin', 'owner')),
    account_id integer references accounts (id) on delete restrict,
    created_by text not null,
    created_at_ms bigint not null,
    expires_at_ms bigint not null
  )`.execute(db);
  await sql`create index invitations_email on invitations (email)`.execute(db);
}

async function addAdminTokens(db: Kysely<unknown>, engine: Engine): Promise<void> {
  await sql`create table admin_tokens (
    id ${sql.raw(engine.autoIncrementId)},
    name text not null unique,
    secret_hash text not null unique,
    role text not null check (role in ('viewer', 'admin', 'owner')),
    account_id integer references accounts (id) on delete restrict,
    created_by text not null,
    created_at_ms bigint not null,
    expires_at_ms bigint,
    revoked_at_ms bigint,
    last_used_at_ms bigint
  )`.execute(db);
  await sql`create table remembered_creations (
    principal text not null,
    key_hash text not null,
    request_hash text not null,
    subject text not null,
    created_at_ms bigint not null,
    primary key (principal, key_hash)
  )`.execute(db);
  await sql`create index remembered_creations_age on remembered_creations (created_at_ms)`.execute(db);
}

/** Names for case-insensitive search, and each account's number of users, since counting them takes too long. */
async function changeAccounts(db: Kysely<unknown>, engine: Engine): Promise<void> {
  await sql`alter table accounts add column search_name text ${sql.raw(engine.orderedByBytes)} not null default ''`.execute(
    db,
  );
  await sql`alter table accounts add column users integer not null default 0`.execute(db);
  // In lower case by this program: engines disagree on the lower case of letters outside ASCII.
  for (let last = 0; ; ) {
    const { rows } = await sql<{ id: number; name: string }>`
      select id, name from accounts where id > ${last} order by id limit ${sql.lit(ACCOUNTS_PER_READ)}`.execute(db);
    for (const { id, name } of rows) {
      await sql`update accounts set search_name = ${name.toLowerCase()} where id = ${id}`.execute(db);
    }
    const end = rows.at(-1);
    if (end === undefined) break;
    last = end.id;
  }
  await sql`update accounts set users = (select count(*) from api_users where account_id = accounts.id)`.execute(db);
  await sql`create index accounts_search_name on accounts (search_name)`.execute(db);
  await sql`create index accounts_status on accounts (status, id)`.execute(db);
}

/**
 * Each index serves lists of users with one status, one access and perhaps one account, ordered by id or by name. A list with
 * several statuses or accesses is merged from one list for each.
 */
async function changeUsers(db: Kysely<unknown>, engine: Engine): Promise<void> {
  // The part of the username after `api-<account id>-`.
  await sql`alter table api_users add column name text ${sql.raw(engine.orderedByBytes)}
    generated always as (substr(username, length(cast(account_id as text)) + 6)) ${sql.raw(engine.generated)}`.execute(
    db,
  );
  await sql`create index api_users_newest on api_users (status, access, id)`.execute(db);
  await sql`create index api_users_name on api_users (status, access, name, id)`.execute(db);
  await sql`create index api_users_account_newest on api_users (account_id, status, access, id)`.execute(db);
  await sql`create index api_users_account_name on api_users (account_id, status, access, name, id)`.execute(db);
  // Either of the last two indexes replaces it.
  await sql`drop index api_users_account`.execute(db);
  await sql`create index public_keys_fingerprint on public_keys (fingerprint)`.execute(db);
}

async function changeEvents(db: Kysely<unknown>, engine: Engine): Promise<void> {
  await sql`alter table audit_events add column account_id integer references accounts (id) on delete restrict`.execute(
    db,
  );
  await sql`create index audit_events_subject on audit_events (subject, seq)`.execute(db);
  await sql`update audit_events set account_id = accounts.id
    from accounts where audit_events.subject = 'account:' || accounts.id`.execute(db);
  await sql`update audit_events set account_id = api_users.account_id
    from api_users where api_users.username = ${sql.raw(engine.jsonText("audit_events.details", "username"))}`.execute(
    db,
  );
  await sql`create index audit_events_actor on audit_events (actor, seq)`.execute(db);
  await sql`create index audit_events_action on audit_events (action, seq)`.execute(db);
  await sql`create index audit_events_time on audit_events (at_ms, seq)`.execute(db);
  // The lists of an operator who is limited to an account always have this filter, and others besides.
  await sql`create index audit_events_account on audit_events (account_id, seq)`.execute(db);
  await sql`create index audit_events_account_actor on audit_events (account_id, actor, seq)`.execute(db);
  await sql`create index audit_events_account_action on audit_events (account_id, action, seq)`.execute(db);
}

/** Usage totals, kept up to date by each write: adding them up on each read would take time in proportion to the number of keys. */
async function addUsage(db: Kysely<unknown>): Promise<void> {
  await sql`create table account_usage_hours (
    account_id integer not null references accounts (id) on delete restrict,
    hour_s bigint not null,
    tokens bigint not null,
    primary key (account_id, hour_s)
  )`.execute(db);
  await sql`create index account_usage_hours_age on account_usage_hours (hour_s)`.execute(db);
  await sql`create table usage_hours (
    hour_s bigint primary key,
    tokens bigint not null
  )`.execute(db);
  await sql`insert into account_usage_hours (account_id, hour_s, tokens)
    select api_users.account_id, key_usage_hours.hour_s, sum(key_usage_hours.tokens)
    from key_usage_hours
    join public_keys on public_keys.id = key_usage_hours.key_id
    join api_users on api_users.id = public_keys.user_id
    group by api_users.account_id, key_usage_hours.hour_s`.execute(db);
  await sql`insert into usage_hours (hour_s, tokens)
    select hour_s, sum(tokens) from account_usage_hours group by hour_s`.execute(db);
  // Read user by user: the account and the user of a key never change.
  await sql`create table key_expiries (
    account_id integer not null references accounts (id) on delete restrict,
    user_id integer not null references api_users (id) on delete restrict,
    key_id integer not null references public_keys (id) on delete restrict,
    expires_s bigint not null,
    tokens bigint not null,
    primary key (account_id, user_id, key_id, expires_s)
  )`.execute(db);
  await sql`create index key_expiries_end on key_expiries (expires_s)`.execute(db);
}
