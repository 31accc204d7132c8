import { createHash, createPublicKey } from "node:crypto";
import { type Kysely, sql } from "kysely";

/** What this migration needs to know about the engine. */
interface Engine {
  readonly autoIncrementId: string;
}

const KEYS_PER_READ = 500;

/**
 * What is known about a key's origin and life: its modulus, its possession, its rotation, its networks, its weakness; and the
 * webhooks that report it.
 */
export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  await changeKeys(db);
  await fillKeys(db);
  await sql`alter table api_users add column may_rotate integer not null default 0`.execute(db);
  await sql`alter table api_users add column networks text`.execute(db);
  await sql`alter table accounts add column key_age_max_s bigint`.execute(db);
  await sql`alter table nodes add column public_url text`.execute(db);
  await sql`create table revoked_moduli (
    modulus_hash text primary key,
    revoked_at_ms bigint not null
  )`.execute(db);
  await sql`create table key_notices (
    key_id integer not null references public_keys (id) on delete restrict,
    notice text not null,
    about_ms bigint not null,
    primary key (key_id, notice, about_ms)
  )`.execute(db);
  await sql`create table refusal_hours (
    hour_s bigint not null,
    code text not null,
    refusals bigint not null,
    primary key (hour_s, code)
  )`.execute(db);
  await sql`create table jobs (
    name text primary key,
    holder text not null,
    held_until_ms bigint not null,
    ran_at_ms bigint,
    position bigint
  )`.execute(db);
  await addWebhooks(db, engine);
}

/** The defaults are for keys that a node of the release before adds during a rolling upgrade. */
async function changeKeys(db: Kysely<unknown>): Promise<void> {
  await sql`alter table public_keys add column modulus_hash text not null default ''`.execute(db);
  await sql`alter table public_keys add column account_id integer references accounts (id) on delete restrict`.execute(
    db,
  );
  await sql`alter table public_keys add column idle_since_day integer not null default 0`.execute(db);
  await sql`alter table public_keys add column proved_at_ms bigint`.execute(db);
  await sql`alter table public_keys add column rotated_from integer references public_keys (id) on delete restrict`.execute(
    db,
  );
  await sql`alter table public_keys add column networks text`.execute(db);
  await sql`alter table public_keys add column weakness text`.execute(db);
  await sql`create index public_keys_modulus on public_keys (modulus_hash)`.execute(db);
  await sql`create index public_keys_rotated_from on public_keys (rotated_from)`.execute(db);
  await sql`create index public_keys_weakness on public_keys (id) where weakness is not null`.execute(db);
  // Lists of all keys, or of an account's, with one status: newest first, by expiry, or by last use.
  await sql`create index public_keys_status on public_keys (status, id)`.execute(db);
  await sql`create index public_keys_expiry on public_keys (status, expires_at_ms, id)`.execute(db);
  await sql`create index public_keys_idle on public_keys (status, idle_since_day, id, expires_at_ms)`.execute(db);
  await sql`create index public_keys_account on public_keys (account_id, status, id)`.execute(db);
  await sql`create index public_keys_account_expiry on public_keys (account_id, status, expires_at_ms, id)`.execute(db);
  await sql`create index public_keys_account_idle
    on public_keys (account_id, status, idle_since_day, id, expires_at_ms)`.execute(db);
}

async function fillKeys(db: Kysely<unknown>): Promise<void> {
  await sql`update public_keys set
    account_id = (select account_id from api_users where api_users.id = public_keys.user_id),
    idle_since_day = coalesce(
      (select last_used_at_ms from key_usage where key_usage.key_id = public_keys.id), created_at_ms) / 86400000`.execute(
    db,
  );
  for (let last = 0; ; ) {
    const { rows } = await sql<{ id: number; spki: Uint8Array }>`
      select id, spki from public_keys where id > ${last} order by id limit ${sql.lit(KEYS_PER_READ)}`.execute(db);
    const end = rows.at(-1);
    if (end === undefined) break;
    const hashes = rows.map(({ id, spki }) => sql`(${sql.lit(id)}, ${sql.lit(modulusHash(spki))})`);
    await sql`with hashed (id, hash) as (values ${sql.join(hashes)})
      update public_keys set modulus_hash = hashed.hash from hashed where public_keys.id = hashed.id`.execute(db);
    last = end.id;
  }
}

/** SHA-256 of the modulus in hex; empty for bytes that aren't a key, which no release has stored. */
function modulusHash(spki: Uint8Array): string {
  try {
    const { n = "" } = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }).export({
      format: "jwk",
    });
    return createHash("sha256").update(Buffer.from(n, "base64url")).digest("hex");
  } catch {
    return "";
  }
}

/** Endpoints that get events, and the last attempts to deliver to them. */
async function addWebhooks(db: Kysely<unknown>, { autoIncrementId }: Engine): Promise<void> {
  const id = sql.raw(autoIncrementId);
  await sql`create table webhooks (
    id ${id},
    url text not null,
    label text,
    events text not null,
    account_id integer references accounts (id) on delete restrict,
    status text not null check (status in ('active', 'deactivated')),
    disabled_reason text check (disabled_reason in ('failing', 'gone')),
    secret_salt text not null,
    secret_fingerprint text not null,
    previous_salt text,
    previous_fingerprint text,
    previous_ends_at_ms bigint,
    position bigint not null,
    attempts integer not null,
    failing_since_ms bigint,
    next_attempt_at_ms bigint,
    last_delivered_at_ms bigint,
    created_by text not null,
    created_at_ms bigint not null
  )`.execute(db);
  await sql`create table webhook_deliveries (
    id ${id},
    webhook_id integer not null references webhooks (id) on delete restrict,
    seq bigint not null,
    action text not null,
    message_id text not null,
    attempt integer not null,
    at_ms bigint not null,
    outcome text not null,
    http_status integer,
    duration_ms integer not null
  )`.execute(db);
  await sql`create index webhook_deliveries_newest on webhook_deliveries (webhook_id, id)`.execute(db);
}
